// What a test asks of it, the function does, on AWS's own client for Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Do      string            `json:"do"`
	Bytes   int               `json:"bytes"`
	Headers map[string]string `json:"headers"` // of a function URL's event
}

var count = 0

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	count++
	var asked order
	if err := json.Unmarshal(event, &asked); err != nil {
		return nil, err
	}
	switch asked.Do + asked.Headers["do"] {
	case "fail":
		return nil, errors.New("as asked" + strings.Repeat("!", asked.Bytes))
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Hour)
	case "large":
		return strings.Repeat("x", asked.Bytes), nil
	case "stream":
		return inPieces(nil), nil
	case "break":
		return inPieces(errors.New("in the middle")), nil
	case "http":
		return &events.LambdaFunctionURLStreamingResponse{
			StatusCode: 201,
			Headers:    map[string]string{"a": "b"},
			Body:       strings.NewReader("one two"),
		}, nil
	}
	return seen(ctx, event), nil
}

func seen(ctx context.Context, event json.RawMessage) map[string]any {
	called, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"event":       event,
		"requestId":   called.AwsRequestID,
		"arn":         called.InvokedFunctionArn,
		"remainingMs": time.Until(deadline).Milliseconds(),
		"trace":       ctx.Value("x-amzn-trace-id"),
		"custom":      called.ClientContext.Custom,
		"identity": map[string]string{
			"cognitoIdentityId":     called.Identity.CognitoIdentityID,
			"cognitoIdentityPoolId": called.Identity.CognitoIdentityPoolID,
		},
		"name":      lambdacontext.FunctionName,
		"version":   lambdacontext.FunctionVersion,
		"memory":    lambdacontext.MemoryLimitInMB,
		"logGroup":  lambdacontext.LogGroupName,
		"logStream": lambdacontext.LogStreamName,
		"count":     count,
	}
}

// The second piece says when it was written.
func inPieces(failure error) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		io.WriteString(writer, "first|")
		time.Sleep(250 * time.Millisecond)
		fmt.Fprint(writer, time.Now().UnixMilli())
		writer.CloseWithError(failure)
	}()
	return reader
}

func main() {
	if os.Getenv("INIT") == "exit" {
		os.Exit(4)
	}
	lambda.Start(handle)
}
