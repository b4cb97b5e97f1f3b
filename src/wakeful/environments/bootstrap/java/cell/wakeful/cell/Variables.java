package wakeful.cell;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The environment variables: as Java read them when the process started, and as the C library gives them to children. */
final class Variables {
    private static final String OWNER = "java.lang.ProcessEnvironment";

    // What the C library has the addresses of, for as long as the process lives.
    private static ByteBuffer published;
    private static ByteBuffer addresses;

    private final Map<Object, Object> inside;
    private final Method asName;
    private final Method asValue;

    /** Fails on a JVM that keeps them elsewhere: before anybody has been promised this process. */
    @SuppressWarnings("unchecked")
    Variables() throws ReflectiveOperationException {
        Field field = Class.forName(OWNER).getDeclaredField("theEnvironment");
        field.setAccessible(true);
        inside = (Map<Object, Object>) field.get(null);
        asName = maker("Variable");
        asValue = maker("Value");
    }

    void replace(Map<?, ?> variables) throws ReflectiveOperationException {
        inside.clear();
        for (Map.Entry<?, ?> each : variables.entrySet()) {
            inside.put(asName.invoke(null, each.getKey()), asValue.invoke(null, each.getValue()));
        }
    }

    /** The C library's are replaced too, from which children inherit. */
    void publish() throws ReflectiveOperationException {
        List<byte[]> texts = new ArrayList<>();
        for (Map.Entry<String, String> each : System.getenv().entrySet()) {
            texts.add((each.getKey() + "=" + each.getValue() + "\0").getBytes());
        }
        int length = 0;
        for (byte[] text : texts) {
            length += text.length;
        }
        published = ByteBuffer.allocateDirect(length);
        addresses = ByteBuffer.allocateDirect((texts.size() + 1) * Long.BYTES).order(ByteOrder.nativeOrder());
        for (byte[] text : texts) {
            addresses.putLong(Native.addressOf(published) + published.position());
            published.put(text);
        }
        addresses.putLong(0);
        Native.replaceEnvironment(Native.addressOf(addresses));
    }

    void remove(String name) throws ReflectiveOperationException {
        inside.remove(asName.invoke(null, name));
    }

    private static Method maker(String kind) throws ReflectiveOperationException {
        Method made = Class.forName(OWNER + "$" + kind).getDeclaredMethod("valueOf", String.class);
        made.setAccessible(true);
        return made;
    }
}
