package app;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Functions in every form that Lambda's Java runtime knows. */
public class Handlers {
    public static class Maps implements RequestHandler<Map<String, Object>, Map<String, Object>> {
        public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
            return event;
        }
    }

    /** Returns when as many others are here. */
    public static class Meets implements RequestHandler<Map<String, Object>, Map<String, Object>> {
        private static int here = 0;

        public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
            int wanted = ((Number) event.get("count")).intValue();
            synchronized (Meets.class) {
                here += 1;
                Meets.class.notifyAll();
                long until = System.nanoTime() + 10_000_000_000L;
                while (here % wanted != 0 && System.nanoTime() < until) {
                    try {
                        Meets.class.wait(10);
                    } catch (InterruptedException error) {
                        throw new IllegalStateException(error);
                    }
                }
            }
            context.getLogger().log("met");
            if ("fail".equals(event.get("do"))) {
                throw new IllegalStateException("not today");
            }
            Map<String, Object> seen = new HashMap<>();
            seen.put("thread", Thread.currentThread().getId());
            seen.put("process", ProcessHandle.current().pid());
            seen.put("id", context.getAwsRequestId());
            return seen;
        }
    }

    public static class Strings implements RequestHandler<String, String> {
        public String handleRequest(String event, Context context) {
            return event + "!";
        }
    }

    public static class Integers implements RequestHandler<Integer, Integer> {
        public Integer handleRequest(Integer event, Context context) {
            return event + 1;
        }
    }

    public static class Lists implements RequestHandler<List<Integer>, Integer> {
        public Integer handleRequest(List<Integer> event, Context context) {
            return event.stream().mapToInt(Integer::intValue).sum();
        }
    }

    public static class Order {
        private String name;
        private List<Item> items = new ArrayList<>();

        public String getName() { return name; }
        public void setName(String name) { this.name = name; }
        public List<Item> getItems() { return items; }
        public void setItems(List<Item> items) { this.items = items; }
    }

    public static class Item {
        public int count;
    }

    public static class Pojos implements RequestHandler<Order, Order> {
        public Order handleRequest(Order order, Context context) {
            order.setName(order.getName().toUpperCase());
            order.getItems().get(0).count *= 2;
            return order;
        }
    }

    public static class Nothing implements RequestHandler<Object, Void> {
        public Void handleRequest(Object event, Context context) {
            return null;
        }
    }

    public static class Streams implements RequestStreamHandler {
        public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
            byte[] given = in.readAllBytes();
            out.write(("{\"length\":" + given.length + "}").getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Plain methods, of a class that implements nothing. */
    public String greet(String name) { return "Hello " + name; }
    public int add(List<Integer> numbers, Context context) { return numbers.get(0) + numbers.get(1); }
    public static String still(Map<String, String> event) { return event.get("a"); }
    public void silent() {}
    public void stream(InputStream in, OutputStream out) throws IOException { in.transferTo(out); }

    public static class Throws implements RequestHandler<String, String> {
        public String handleRequest(String event, Context context) {
            try {
                fail();
            } catch (IOException cause) {
                throw new IllegalStateException("it failed", cause);
            }
            return event;
        }

        private void fail() throws IOException { throw new IOException("the disk is full"); }
    }

    public static class Exits implements RequestHandler<Integer, String> {
        public String handleRequest(Integer status, Context context) {
            System.exit(status);
            return "";
        }
    }

    public static class Fills implements RequestHandler<Integer, Integer> {
        private final List<byte[]> kept = new ArrayList<>();

        public Integer handleRequest(Integer megabytes, Context context) {
            for (int i = 0; i < megabytes; i++) { kept.add(new byte[1 << 20]); }
            return kept.size();
        }
    }

    /** Memory that is not the heap's: only the sandbox stops it. */
    public static class FillsNative implements RequestHandler<Integer, Integer> {
        private final List<Object> kept = new ArrayList<>();

        public Integer handleRequest(Integer megabytes, Context context) {
            for (int i = 0; i < megabytes; i++) {
                java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(1 << 20);
                for (int at = 0; at < 1 << 20; at += 4096) { buffer.put(at, (byte) 1); }
                kept.add(buffer);
            }
            return kept.size();
        }
    }

    public static class BadConstructor implements RequestHandler<String, String> {
        public BadConstructor() { throw new IllegalArgumentException("no luck"); }
        public String handleRequest(String event, Context context) { return event; }
    }

    public static class NoConstructor implements RequestHandler<String, String> {
        public NoConstructor(int number) {}
        public String handleRequest(String event, Context context) { return event; }
    }

    public class Inner implements RequestHandler<String, String> {
        public String handleRequest(String event, Context context) { return event; }
    }

    public static class BadStatic implements RequestHandler<String, String> {
        static final int NUMBER = Integer.parseInt("x");
        public String handleRequest(String event, Context context) { return event; }
    }

    public static class Sleeps implements RequestHandler<Integer, String> {
        public String handleRequest(Integer milliseconds, Context context) throws RuntimeException {
            try {
                Thread.sleep(milliseconds);
            } catch (InterruptedException interrupted) {
                throw new RuntimeException(interrupted);
            }
            return "done";
        }
    }

    public static class Counts implements RequestHandler<Object, Integer> {
        private int count;
        public Integer handleRequest(Object event, Context context) { return ++count; }
    }

    public static class Logs implements RequestHandler<Object, String> {
        public String handleRequest(Object event, Context context) {
            LambdaLogger logger = context.getLogger();
            System.out.println("to stdout");
            System.err.println("to stderr");
            logger.log("by the logger\n");
            logger.log("at debug\n", com.amazonaws.services.lambda.runtime.logging.LogLevel.DEBUG);
            logger.log("at error\n", com.amazonaws.services.lambda.runtime.logging.LogLevel.ERROR);
            return "logged";
        }
    }

    /** Everything in the context object. */
    public static class Looks implements RequestHandler<Object, Map<String, Object>> {
        public Map<String, Object> handleRequest(Object event, Context context) {
            Map<String, Object> seen = new LinkedHashMap<>();
            seen.put("id", context.getAwsRequestId());
            seen.put("name", context.getFunctionName());
            seen.put("version", context.getFunctionVersion());
            seen.put("arn", context.getInvokedFunctionArn());
            seen.put("memory", context.getMemoryLimitInMB());
            seen.put("group", context.getLogGroupName());
            seen.put("stream", context.getLogStreamName());
            seen.put("remaining", context.getRemainingTimeInMillis());
            seen.put("identity", context.getIdentity() == null ? null
                : context.getIdentity().getIdentityId() + "/" + context.getIdentity().getIdentityPoolId());
            seen.put("client", context.getClientContext() == null ? null
                : context.getClientContext().getClient().getAppTitle() + context.getClientContext().getCustom());
            seen.put("trace", System.getProperty("com.amazonaws.xray.traceHeader"));
            return seen;
        }
    }

    /** What is around it. The event is the name of a file beside the code. */
    public static class Surroundings implements RequestHandler<String, Map<String, Object>> {
        public Map<String, Object> handleRequest(String name, Context context) {
            Map<String, Object> seen = new HashMap<>();
            try {
                seen.put("variables", System.getenv());
                seen.put("heap", Runtime.getRuntime().maxMemory());
                seen.put("directory", System.getProperty("user.dir"));
                seen.put("absolute", new File(name).getAbsolutePath());
                seen.put("path", Path.of(name).toAbsolutePath().toString());
                seen.put("read", new String(new java.io.FileInputStream(name).readAllBytes()));
                seen.put("exists", new File(name).exists());
                seen.put("by path", Files.readString(Path.of(name)));
                seen.put("stdin", System.in.read());
                seen.put("zone", java.util.TimeZone.getDefault().getID());
                Process child = new ProcessBuilder("/bin/sh", "-c", "pwd; echo $MINE").start();
                seen.put("child", new String(child.getInputStream().readAllBytes()));
                seen.put("class path", System.getProperty("java.class.path"));
                boolean isOpen = Object.class.getModule().isOpen("java.lang", getClass().getModule());
                seen.put("open", isOpen);
                seen.put("library", Class.forName("library.Helper").getMethod("name").invoke(null));
            } catch (ReflectiveOperationException | IOException error) {
                seen.put("error", error.toString());
            }
            return seen;
        }
    }

    /** The lines of a file. */
    public static class Reads implements RequestHandler<String, List<String>> {
        public List<String> handleRequest(String path, Context context) {
            try {
                return Files.readAllLines(Path.of(path));
            } catch (IOException error) {
                return List.of(error.toString());
            }
        }
    }

    /** What there is to be seen of the host. */
    public static class Spies implements RequestHandler<List<String>, Map<String, Object>> {
        public Map<String, Object> handleRequest(List<String> paths, Context context) {
            Map<String, Object> seen = new HashMap<>();
            List<String> read = new ArrayList<>();
            for (String path : paths) {
                try (java.util.stream.Stream<Path> entries = Files.walk(Path.of(path), 1)) {
                    if (entries.count() > 0) { read.add(path); }
                } catch (IOException | java.io.UncheckedIOException refused) {
                    continue;
                }
            }
            seen.put("read", read);
            seen.put("processes", ProcessHandle.allProcesses().count());
            String[] numbers = new File("/proc").list((folder, name) -> name.matches("\\d+"));
            seen.put("proc", numbers == null ? 0 : numbers.length);
            seen.put("parent", ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(0L));
            List<String> interfaces = new ArrayList<>();
            try {
                java.net.NetworkInterface.networkInterfaces().forEach(each -> interfaces.add(each.getName()));
            } catch (java.net.SocketException none) {
                interfaces.add(none.toString());
            }
            seen.put("interfaces", interfaces);
            seen.put("user", System.getProperty("user.name"));
            return seen;
        }
    }
}
