package wakeful.cell;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Type;
import java.net.URLClassLoader;
import java.security.Security;
import java.util.List;
import java.util.Map;

/** AWS's runtime interface client, which is on the class path and so out of sight of this module's compiler. */
final class RuntimeClient {
    private static final String PACKAGE = "com.amazonaws.services.lambda.runtime.";
    private static final String CLIENT = PACKAGE + "api.client.";
    private static final String NATIVE_LIBRARY = CLIENT + "runtimeapi.NativeClient.JNI";

    // These read environment variables when they are initialised, so they are only loaded ahead.
    private static final List<String> INITIALISED_LATER = List.of("api.client.AWSLambda", "api.client.LambdaEnvironment");
    private static final List<String> INITIALISED_AHEAD = List.of(
        "api.client.CustomerClassLoader", "api.client.EventHandlerLoader", "api.client.EventHandlerLoader$1",
        "api.client.EventHandlerLoader$2", "api.client.EventHandlerLoader$ClassContext",
        "api.client.EventHandlerLoader$Platform", "api.client.EventHandlerLoader$PojoHandlerAsStreamHandler",
        "api.client.EventHandlerLoader$PojoMethodRequestHandler", "api.client.HandlerInfo",
        "api.client.HandlerInfo$InvalidHandlerException", "api.client.LambdaRequestHandler",
        "api.client.LambdaRequestHandler$UserFaultHandler", "api.client.PojoSerializerLoader",
        "api.client.TooManyServiceProvidersFoundException", "api.client.UserFault", "api.client.api.LambdaContext",
        "api.client.logging.JsonLogFormatter", "api.client.logging.LambdaContextLogger",
        "api.client.logging.LogFiltering", "api.client.logging.StdOutLogSink",
        "api.client.logging.TextLogFormatter", "api.client.logging.TextLogFormatter$1",
        "api.client.runtimeapi.LambdaRuntimeApiClientImpl", "api.client.runtimeapi.NativeClient",
        "api.client.runtimeapi.dto.InvocationRequest", "api.client.util.ConcurrencyConfig",
        "api.client.util.EnvReader", "api.client.util.LambdaOutputStream", "api.client.util.UnsafeUtil",
        "ClientContext", "CognitoIdentity", "CustomPojoSerializer", "LambdaRuntime", "LambdaRuntimeInternal",
        "RequestHandler", "RequestStreamHandler", "logging.LogFormat", "logging.LogLevel",
        "serialization.events.LambdaEventSerializers", "serialization.util.ReflectUtil");
    private static final String SECURITY_PROPERTY = "jdk.tls.disabledAlgorithms";
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
            Class.forName(PACKAGE + name, false, loader);
        }
        for (String name : INITIALISED_AHEAD) {
            type(name);
        }
        Class.forName("software.amazon.awssdk.utilslite.SdkInternalThreadLocal", true, loader);
        type("api.client.runtimeapi.JniHelper").getMethod("load").invoke(null);
        warmUpSecurity();
        warmUpClassLoader();
        for (int round = 0; round < ROUNDS; round++) {
            write(read(EVENT));
        }
        System.gc();
    }

    /** The client sets some of its properties first of all, which loads much of the JDK. */
    private static void warmUpSecurity() {
        String value = Security.getProperty(SECURITY_PROPERTY);
        Security.setProperty(SECURITY_PROPERTY, value == null ? "" : value);
    }

    /** Looks for a class that nobody has, as for a function's. */
    private void warmUpClassLoader() throws ReflectiveOperationException {
        Constructor<?> make = type("api.client.CustomerClassLoader")
            .getDeclaredConstructor(String.class, String.class, ClassLoader.class);
        make.setAccessible(true);
        try (URLClassLoader functions = (URLClassLoader) make.newInstance("/", "/nonexistent", loader)) {
            Class.forName("nonexistent.Function", true, functions);
        } catch (ClassNotFoundException expected) {
            return;
        } catch (IOException unexpected) {
            throw new UncheckedIOException(unexpected);
        }
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
