package wakeful.cell;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;

/**
 * The working directory. A cell starts before /var/task is there, and Java has no call to go elsewhere: the kernel is
 * asked by our native library, and what the JDK remembers of the old directory is replaced.
 */
final class Place {
    private final Object files;
    private final Field filesDirectory;
    private final FileSystem paths;
    private final Field pathsDirectory;

    /** Fails on a JVM that keeps them elsewhere: before anybody has been promised this process. */
    Place() throws ReflectiveOperationException {
        files = opened(File.class, fileSystemOf(File.class)).get(null);
        filesDirectory = opened(files.getClass(), "userDir");
        paths = FileSystems.getDefault();
        pathsDirectory = opened(paths.getClass().getSuperclass(), "defaultDirectory");
    }

    void enter(String directory) throws ReflectiveOperationException, IOException {
        byte[] path = directory.getBytes(StandardCharsets.UTF_8);
        ByteBuffer text = ByteBuffer.allocateDirect(path.length + 1).put(path).put((byte) 0);
        int result = Native.changeDirectory(Native.addressOf(text));
        if (result != 0) {
            throw new IOException("chdir " + directory + ": error " + -result);
        }
        System.setProperty("user.dir", directory);
        filesDirectory.set(files, directory);
        pathsDirectory.set(paths, path);
    }

    private static String fileSystemOf(Class<?> owner) {
        for (Field field : owner.getDeclaredFields()) {
            if (field.getType().getName().equals("java.io.FileSystem")) {
                return field.getName(); // its name differs between JDKs
            }
        }
        throw new IllegalStateException("java.io.File has no file system");
    }

    private static Field opened(Class<?> owner, String name) throws ReflectiveOperationException {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }
}
