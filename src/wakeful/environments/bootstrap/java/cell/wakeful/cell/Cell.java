package wakeful.cell;

import java.lang.reflect.InvocationTargetException;
import java.util.Map;

/**
 * Lambda's Java runtime: from the start of the process to its end. A cell first warms up and waits for its function;
 * then AWS's own runtime interface client takes over, in this process and on this thread.
 */
public final class Cell {
    private static final String CELL = "WAKEFUL_CELL";
    private static final String LAYERS = "WAKEFUL_LAYERS_ROOT";

    private Cell() {}

    /** Called with the folder that has the client's native library, and our own. */
    public static void main(String[] words) throws Throwable {
        RuntimeClient client = new RuntimeClient(words[0]);
        Place place = new Place();
        Variables variables = new Variables();
        Native.load(words[0]);
        if (System.getenv(CELL) != null) {
            client.warmUp();
            variables.publish();
            Descriptor.sayReady();
            byte[] assignment = System.in.readAllBytes();
            if (assignment.length == 0) {
                System.exit(0); // given up before it had a function
            }
            variables.replace((Map<?, ?>) client.read(assignment).get("variables"));
            place.enter(System.getenv("LAMBDA_TASK_ROOT"));
        }
        variables.remove(LAYERS);
        variables.publish();
        try {
            client.run(System.getenv("_HANDLER"));
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }
}
