import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** Attacks in Java, as a program or when a function's class is loaded. See tests/security/test_attackers.py for the protocol. */
public class Attacker {
    private static final int PATIENCE_MS = 300;
    private static final Set<String> LEFT_OUT = Set.of("/usr", "/proc", "/sys", "/dev");

    private interface Attempt<T> {
        T make() throws Exception;
    }

    private interface Achieves {
        boolean achieve(String word) throws Exception;
    }

    static {
        try {
            run(System.getenv("ATTACKS"));
        } catch (Throwable thrown) {
            thrown.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    public static void main(String[] words) {}

    public void handleRequest(InputStream in, OutputStream out) {}

    private static void run(String attacks) throws Exception {
        StringBuilder said = new StringBuilder();
        for (String line : attacks.split("\n")) {
            List<String> words = new ArrayList<>(List.of(line.split(" ")));
            String attack = words.remove(0);
            List<String> gained = attempt(attack, words);
            if (gained == null) {
                said.append("unknown ").append(attack).append('\n');
            } else {
                gained.forEach(what -> said.append(attack).append(' ').append(what).append('\n'));
            }
        }
        try (FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
            out.write(said.append("done\n").toString().getBytes(StandardCharsets.UTF_8));
        }
        Runtime.getRuntime().halt(0);
    }

    private static List<String> attempt(String attack, List<String> words) throws Exception {
        switch (attack) {
            case "read":
                return those(words, path -> opens(path, "r"));
            case "write":
                return those(words, path -> opens(path, "rw"));
            case "signal":
                words.addAll(0, List.of("/bin/sh", "-c", "for pid; do kill -0 $pid 2>/dev/null && echo signal $pid; done; :", "sh"));
                return printed("signal", new ProcessBuilder(words));
            case "look":
                return look(words);
            case "reach":
                return those(words, Attacker::reach);
            case "search":
                return search(new StringBuilder(words.get(0)).reverse().toString(), words.subList(1, words.size()));
            case "descriptors":
                return descriptors();
            case "calls":
            case "sockets":
                return child(attack);
            default:
                return null;
        }
    }

    private static <T> T tried(T otherwise, Attempt<T> attempt) {
        try {
            return attempt.make();
        } catch (Exception | LinkageError refused) {
            return otherwise;
        }
    }

    private static List<String> those(List<String> words, Achieves one) {
        List<String> gained = new ArrayList<>();
        words.forEach(word -> { if (tried(false, () -> one.achieve(word))) gained.add(word); });
        return gained;
    }

    private static boolean opens(String path, String how) throws IOException {
        if (how.equals("r") && Files.isDirectory(Path.of(path))) {
            Files.list(Path.of(path)).close();
            return true;
        }
        new RandomAccessFile(path, how).close();
        return true;
    }

    private static List<String> look(List<String> pids) {
        List<String> paths = new ArrayList<>();
        pids.forEach(pid -> List.of("mem", "environ", "maps", "fd").forEach(name -> paths.add("/proc/" + pid + "/" + name)));
        return those(paths, path -> opens(path, "r"));
    }

    private static boolean reach(String word) throws Exception {
        String[] parts = word.split("/", 2), where = parts[1].split("/");
        switch (parts[0]) {
            case "tcp":
                try (Socket client = new Socket()) {
                    client.connect(new InetSocketAddress(where[0], Integer.parseInt(where[1])), PATIENCE_MS);
                } catch (SocketTimeoutException silence) {
                    return true;
                }
                return true;
            case "udp":
                return sends(new InetSocketAddress(where[0], Integer.parseInt(where[1])));
            case "name":
                return InetAddress.getAllByName(parts[1]).length > 0;
            case "unix": // Java has no abstract ones
                Class<?> kind = Class.forName("java.net.UnixDomainSocketAddress");
                SocketAddress address = (SocketAddress) kind.getMethod("of", String.class).invoke(null, parts[1]);
                SocketChannel.open(address).close();
                return true;
            default:
                return false;
        }
    }

    private static boolean sends(InetSocketAddress address) throws IOException {
        try (DatagramSocket client = new DatagramSocket()) {
            client.setSoTimeout(PATIENCE_MS);
            client.connect(address);
            client.send(new DatagramPacket(new byte[1], 1));
            client.receive(new DatagramPacket(new byte[1], 1));
        } catch (SocketTimeoutException silence) {
            return true;
        }
        return true;
    }

    private static List<String> search(String needle, List<String> roots) {
        List<String> paths = new ArrayList<>(), memory = new ArrayList<>();
        roots.forEach(root -> gather(Path.of(root), paths));
        for (Path process : listed(Path.of("/proc"))) {
            String pid = process.getFileName().toString();
            if (pid.matches("\\d+")) {
                paths.addAll(List.of(process + "/environ", process + "/cmdline"));
                if (!pid.equals(Long.toString(ProcessHandle.current().pid()))) {
                    memory.add(process + "/mem");
                }
            }
        }
        List<String> found = those(paths, path -> holds(path, needle));
        found.addAll(those(memory, path -> opens(path, "r")));
        return found;
    }

    private static boolean holds(String path, String needle) throws IOException {
        try (InputStream in = Files.newInputStream(Path.of(path))) {
            return new String(in.readNBytes(1 << 20), StandardCharsets.ISO_8859_1).contains(needle);
        }
    }

    private static void gather(Path path, List<String> found) {
        if (LEFT_OUT.contains(path.toString())) {
            return;
        }
        if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
            found.add(path.toString());
        } else if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            listed(path).forEach(each -> gather(each, found));
        }
    }

    private static List<Path> listed(Path folder) {
        List<Path> found = new ArrayList<>();
        tried(false, () -> {
            try (var entries = Files.newDirectoryStream(folder)) {
                entries.forEach(found::add);
            }
            return true;
        });
        return found;
    }

    /** Those that lead where no name leads from here. */
    private static List<String> descriptors() {
        List<String> gained = new ArrayList<>();
        for (Path each : listed(Path.of("/proc/self/fd"))) {
            Path target = tried(null, () -> Files.readSymbolicLink(each));
            if (target == null || Integer.parseInt(each.getFileName().toString()) < 3) {
                continue;
            }
            String name = target.toString();
            if (!name.startsWith("pipe:") && !name.startsWith("anon_inode:") && !tried(false, () -> Files.isSameFile(each, target))) {
                gained.add(name);
            }
        }
        return gained;
    }

    /** A child of the function's, from its own package, is as closed in as it is. */
    private static List<String> child(String attack) throws Exception {
        Path package_ = Path.of(Attacker.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        ProcessBuilder program = new ProcessBuilder(package_.resolve("attacker").toString());
        program.environment().put("ATTACKS", attack);
        return printed(attack, program);
    }

    private static List<String> printed(String attack, ProcessBuilder program) throws Exception {
        Process started = program.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String said = new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (started.waitFor() != 0) {
            throw new IOException(program.command() + ": " + said);
        }
        List<String> gained = new ArrayList<>();
        Arrays.stream(said.split("\n")).filter(line -> line.startsWith(attack + " "))
            .forEach(line -> gained.add(line.substring(attack.length() + 1)));
        return gained;
    }
}
