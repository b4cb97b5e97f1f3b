package wakeful.cell;

import java.lang.reflect.Field;
import java.nio.Buffer;
import java.nio.ByteBuffer;

/** What a JVM cannot change of its own process; `native_library.py` writes the library. */
final class Native {
    private Native() {}

    static void load(String folder) {
        System.load(folder + "/lib/libwakeful-cell.so");
    }

    /** chdir(2) for the text of C at this address: 0, or the negative number of the error. */
    static native int changeDirectory(long path);

    /** The C library has another environment: an array of texts of C, which must stay where it is. */
    static native void replaceEnvironment(long environment);

    static long addressOf(ByteBuffer direct) throws ReflectiveOperationException {
        Field address = Buffer.class.getDeclaredField("address");
        address.setAccessible(true);
        return address.getLong(direct);
    }
}
