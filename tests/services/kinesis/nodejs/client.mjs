// AWS's own client: HTTP/2 alone, several requests on one session, a subscription beside them, and an error.
import {
  CreateStreamCommand,
  KinesisClient,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  SplitShardCommand,
  SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";

const [endpoint, StreamName, StreamARN] = process.argv.slice(2);
const credentials = { accessKeyId: "test", secretAccessKey: "test" };
const client = new KinesisClient({ endpoint, region: "us-east-1", credentials, maxAttempts: 1 });
const ShardId = "shardId-000000000000";
const told = { data: [] };

await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
const Records = ["a", "b"].map((each) => ({ Data: Buffer.from(each), PartitionKey: each }));
await client.send(new PutRecordsCommand({ StreamName, Records }));
const { Consumer } = await client.send(new RegisterStreamConsumerCommand({ StreamARN, ConsumerName: "c" }));
const where = { ConsumerARN: Consumer.ConsumerARN, ShardId, StartingPosition: { Type: "TRIM_HORIZON" } };
const { EventStream } = await client.send(new SubscribeToShardCommand(where));
for await (const { SubscribeToShardEvent: event } of EventStream) {
  told.data.push(...event.Records.map((record) => Buffer.from(record.Data).toString()));
  if (event.ChildShards !== undefined) {
    told.children = event.ChildShards.map((each) => each.ShardId);
  } else if (told.data.length === 2) {
    await client.send(new PutRecordCommand({ StreamName, Data: Buffer.from("c"), PartitionKey: "c" }));
    await client.send(new SplitShardCommand({ StreamName, ShardToSplit: ShardId, NewStartingHashKey: "1000" }));
  }
}
try {
  await client.send(new PutRecordCommand({ StreamName: "none", Data: Buffer.alloc(1 << 20), PartitionKey: "a" }));
} catch (error) {
  told.error = [error.name, error.message];
}
console.log(JSON.stringify(told));
client.destroy();
