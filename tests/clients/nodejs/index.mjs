// What a test asks of it, the function does, on AWS's own client for Node.js.

let count = 0;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

if (process.env.INIT === "exit") process.exit(4);
if (process.env.INIT === "error") throw new TypeError("not today");

function seen(event, context) {
  return {
    event,
    requestId: context.awsRequestId,
    arn: context.invokedFunctionArn,
    remainingMs: context.getRemainingTimeInMillis(),
    trace: process.env._X_AMZN_TRACE_ID,
    context: context.clientContext,
    identity: context.identity,
    name: context.functionName,
    version: context.functionVersion,
    memory: Number(context.memoryLimitInMB),
    logGroup: context.logGroupName,
    logStream: context.logStreamName,
    count,
  };
}

export async function handler(event, context) {
  count += 1;
  switch (event.do) {
    case "fail":
      throw new RangeError("as asked");
    case "panic":
      setImmediate(() => {
        throw new TypeError("as asked");
      });
      return wait(10_000);
    case "exit":
      process.exit(3);
    case "sleep":
      return wait(3_600_000);
    case "large":
      return "x".repeat(event.bytes);
    default:
      return seen(event, context);
  }
}

// The second piece says when it was written.
export const streaming = awslambda.streamifyResponse(async (event, stream) => {
  if (event.do === "http" || event.headers?.do === "http") {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: "b" } });
    stream.write("one ");
    stream.end("two");
    return;
  }
  stream.setContentType("text/plain");
  stream.write("first|");
  await wait(250);
  stream.write(String(Date.now()));
  if (event.do === "break") throw new RangeError("in the middle");
  stream.end();
});
