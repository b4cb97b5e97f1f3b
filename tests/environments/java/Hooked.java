package app;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.crac.Core;
import org.crac.Resource;

/** Hooks by the interface that SnapStart's guide names. */
public class Hooked implements RequestHandler<Object, Map<String, Object>>, Resource {
    private final List<String> hooks = new ArrayList<>();

    public Hooked() {
        Core.getGlobalContext().register(this);
    }

    @Override
    public void beforeCheckpoint(org.crac.Context<? extends Resource> context) {
        System.out.println("before checkpoint");
        hooks.add("before");
    }

    @Override
    public void afterRestore(org.crac.Context<? extends Resource> context) {
        System.out.println("after restore");
        hooks.add("after");
    }

    @Override
    public Map<String, Object> handleRequest(Object event, Context context) {
        return Map.of("type", System.getenv("AWS_LAMBDA_INITIALIZATION_TYPE"), "hooks", hooks);
    }
}
