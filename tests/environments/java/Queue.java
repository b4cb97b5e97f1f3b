package app;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.SQSBatchResponse;
import com.amazonaws.services.lambda.runtime.events.SQSEvent;
import java.util.List;

/** An event and an answer of AWS's own classes. */
public class Queue implements RequestHandler<SQSEvent, SQSBatchResponse> {
    @Override
    public SQSBatchResponse handleRequest(SQSEvent event, Context context) {
        SQSEvent.SQSMessage first = event.getRecords().get(0);
        String said = first.getMessageId() + " " + first.getMessageAttributes().get("a").getStringValue();
        return new SQSBatchResponse(List.of(new SQSBatchResponse.BatchItemFailure(said)));
    }
}
