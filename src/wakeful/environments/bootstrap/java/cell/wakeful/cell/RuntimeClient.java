package wakeful.cell;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Type;
import java.security.Security;
import java.util.Map;

/** AWS's runtime interface client, which is on the class path and so out of sight of this module's compiler. */
final class RuntimeClient {
    private static final String PACKAGE = "com.amazonaws.services.lambda.runtime.";
    private static final String CLIENT = PACKAGE + "api.client.";
    private static final String NATIVE_LIBRARY = CLIENT + "runtimeapi.NativeClient.JNI";

    // These read environment variables when they are initialised, so they are only loaded ahead.
    private static final String[] INITIALISED_LATER = {
        "AWSLambda", "LambdaEnvironment", "EventHandlerLoader", "HandlerInfo", "CustomerClassLoader",
        "LambdaRequestHandler", "UserFault", "api.LambdaContext", "util.ConcurrencyConfig",
        "logging.LambdaContextLogger", "logging.StdOutLogSink", "logging.TextLogFormatter",
    };
    private static final String[] INITIALISED_AHEAD = {
        "runtimeapi.LambdaRuntimeApiClientImpl", "runtimeapi.dto.InvocationRequest", "util.UnsafeUtil",
        "util.LambdaOutputStream",
    };
    private static final int ROUNDS = 20;
    private static final byte[] EVENT = "{\"text\": \"hi\", \"number\": 1.5, \"list\": [null, true]}".getBytes();

    private final ClassLoader loader = ClassLoader.getSystemClassLoader();

    RuntimeClient(String folder) {
        System.setProperty(NATIVE_LIBRARY, folder + "/lib/libaws-lambda-jni.so");
        System.setProperty("org.crac.Core.Compat", "com.amazonaws.services.lambda.crac"); // where hooks are registered
    }

    /** Everything that is the same for every function has been loaded, and its code has run a few times. */
    void warmUp() throws ReflectiveOperationException {
        for (String name : INITIALISED_LATER) {
            Class.forName(CLIENT + name, false, loader);
        }
        for (String name : INITIALISED_AHEAD) {
            Class.forName(CLIENT + name, true, loader);
        }
        type("api.client.runtimeapi.JniHelper").getMethod("load").invoke(null);
        Security.getProperty("networkaddress.cache.negative.ttl"); // reads java.security, which is long
        for (int round = 0; round < ROUNDS; round++) {
            write(read(EVENT));
        }
        System.gc();
    }

    Map<?, ?> read(byte[] document) throws ReflectiveOperationException {
        Object serializer = serializer();
        InputStream text = new ByteArrayInputStream(document);
        return (Map<?, ?>) type("serialization.PojoSerializer")
            .getMethod("fromJson", InputStream.class).invoke(serializer, text);
    }

    /** Serves the function until the process ends. */
    void run(String handler) throws ReflectiveOperationException {
        type("api.client.AWSLambda").getMethod("main", String[].class).invoke(null, (Object) new String[] {handler});
    }

    private void write(Map<?, ?> document) throws ReflectiveOperationException {
        Object serializer = serializer();
        type("serialization.PojoSerializer").getMethod("toJson", Object.class, OutputStream.class)
            .invoke(serializer, document, new ByteArrayOutputStream());
    }

    private Object serializer() throws ReflectiveOperationException {
        Class<?> factory = type("serialization.factories.JacksonFactory");
        Object made = factory.getMethod("getInstance").invoke(null);
        return factory.getMethod("getSerializer", Type.class).invoke(made, Map.class);
    }

    private Class<?> type(String name) throws ClassNotFoundException {
        return Class.forName(PACKAGE + name, true, loader);
    }
}
