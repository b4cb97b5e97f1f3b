//! What a test asks of it, the function does, on AWS's own client for Rust.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::streaming::{channel, Body, Response};
use lambda_runtime::{service_fn, Error, FunctionResponse, LambdaEvent};
use serde_json::{json, Value};

static COUNT: AtomicU64 = AtomicU64::new(0);

type Answer = FunctionResponse<Value, Body>;

async fn handle(event: LambdaEvent<Value>) -> Result<Answer, Error> {
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    let asked = event.payload["do"]
        .as_str()
        .or(event.payload["headers"]["do"].as_str()); // of a function URL's event
    match asked.unwrap_or_default() {
        "fail" => Err("as asked".into()),
        "panic" => panic!("as asked"),
        "exit" => std::process::exit(3),
        "sleep" => loop {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        },
        "large" => {
            let bytes = event.payload["bytes"].as_u64().unwrap_or_default() as usize;
            Ok(FunctionResponse::BufferedResponse("x".repeat(bytes).into()))
        }
        "stream" => Ok(in_pieces(false)),
        "break" => Ok(in_pieces(true)),
        "http" => Ok(with_metadata()),
        _ => Ok(FunctionResponse::BufferedResponse(seen(event, count))),
    }
}

fn seen(event: LambdaEvent<Value>, count: u64) -> Value {
    let (payload, context) = event.into_parts();
    let remaining = context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default();
    json!({
        "event": payload,
        "requestId": context.request_id,
        "arn": context.invoked_function_arn,
        "remainingMs": remaining.as_millis() as u64,
        "trace": context.xray_trace_id,
        "custom": context.client_context.map(|client| client.custom),
        "identity": context.identity.map(|identity| json!({
            "cognitoIdentityId": identity.identity_id,
            "cognitoIdentityPoolId": identity.identity_pool_id,
        })),
        "name": context.env_config.function_name,
        "version": context.env_config.version,
        "memory": context.env_config.memory,
        "logGroup": context.env_config.log_group,
        "logStream": context.env_config.log_stream,
        "count": count,
    })
}

/// The second piece says when it was written.
fn in_pieces(breaks: bool) -> Answer {
    let (mut pieces, body) = channel();
    tokio::spawn(async move {
        pieces
            .send_data("first|".into())
            .await
            .expect("nobody reads");
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        pieces
            .send_data(now.as_millis().to_string().into())
            .await
            .expect("nobody reads");
        if breaks {
            std::process::exit(5);
        }
    });
    FunctionResponse::StreamingResponse(Response::from(body))
}

fn with_metadata() -> Answer {
    let (mut pieces, body) = channel();
    tokio::spawn(async move {
        pieces.send_data("one ".into()).await.expect("nobody reads");
        pieces.send_data("two".into()).await.expect("nobody reads");
    });
    let mut response = Response::from(body);
    response.metadata_prelude.status_code = 201.try_into().expect("a status");
    response
        .metadata_prelude
        .headers
        .insert("a", "b".try_into().expect("a value"));
    FunctionResponse::StreamingResponse(response)
}

fn main() -> Result<(), Error> {
    if std::env::var("INIT").as_deref() == Ok("exit") {
        std::process::exit(4);
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(lambda_runtime::run(service_fn(handle)))
}
