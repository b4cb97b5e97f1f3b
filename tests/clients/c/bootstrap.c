/* A runtime of nothing but sockets: what a test asks of it, the function does. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATH "/2018-06-01/runtime/"
#define NAMES 7
#define TYPE "Content-Type: application/json\r\n"

static const char *names[NAMES] = {
    "lambda-runtime-aws-request-id",       "lambda-runtime-invoked-function-arn", "lambda-runtime-deadline-ms",
    "lambda-runtime-trace-id",             "lambda-runtime-client-context",       "lambda-runtime-cognito-identity",
    "content-length",
};
enum { REQUEST_ID, ARN, DEADLINE, TRACE, CONTEXT, IDENTITY, LENGTH };

static int connection;
static char head[65536];
static char values[NAMES][4096];
static char *event;
static long long count;

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void quit(const char *why, int status) {
  fprintf(stderr, "%s\n", why);
  exit(status);
}

static void open_connection(void) {
  const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
  const char *colon = api ? strchr(api, ':') : NULL;
  char host[64] = "";
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (!colon || colon - api >= (long)sizeof host) quit("no Runtime API", 1);
  memcpy(host, api, colon - api);
  address.sin_port = htons(atoi(colon + 1));
  inet_pton(AF_INET, host, &address.sin_addr);
  connection = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (connect(connection, (struct sockaddr *)&address, sizeof address)) quit("nobody listens", 1);
}

static void say(const char *data, size_t length) {
  while (length > 0) {
    ssize_t written = write(connection, data, length);
    if (written <= 0) quit("the Runtime API has gone", 1);
    data += written;
    length -= written;
  }
}

/* The status of the next answer; its head is in `values`, its body in `event`. */
static int hear(void) {
  size_t have = 0;
  char *end;
  do {
    ssize_t got = read(connection, head + have, sizeof head - 1 - have);
    if (got <= 0) quit("the Runtime API has gone", 1);
    have += got;
    head[have] = 0;
  } while (!(end = strstr(head, "\r\n\r\n")));
  memset(values, 0, sizeof values);
  for (char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n"))
    for (int each = 0; each < NAMES; each++) {
      size_t length = strlen(names[each]);
      if (!strncasecmp(line + 2, names[each], length) && line[2 + length] == ':') {
        char *value = line + 2 + length + 2;
        snprintf(values[each], sizeof values[each], "%.*s", (int)(strstr(value, "\r\n") - value), value);
      }
    }
  size_t length = atoll(values[LENGTH]), begun = have - (end + 4 - head);
  free(event);
  event = calloc(1, length + 1);
  memcpy(event, end + 4, begun);
  while (begun < length) {
    ssize_t got = read(connection, event + begun, length - begun);
    if (got <= 0) quit("the Runtime API has gone", 1);
    begun += got;
  }
  return atoi(head + 9);
}

static int post(const char *path, const char *headers, const char *body, size_t length) {
  char request[8192];
  int written = snprintf(request, sizeof request, "POST " PATH "%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n",
                         path, headers, length);
  say(request, written);
  say(body, length);
  return hear();
}

static void respond(const char *request_id, const char *verb, const char *headers, const char *body, size_t length) {
  char path[256];
  snprintf(path, sizeof path, "invocation/%s/%s", request_id, verb);
  int status = post(path, headers, body, length);
  if (status != 202) fprintf(stderr, "%s was answered %d: %s\n", verb, status, event);
}

static void piece(const char *text) {
  char chunk[256];
  say(chunk, snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n", strlen(text), text));
}

/* The second piece says when it was written. */
static void stream(const char *request_id, int breaks) {
  char text[1024];
  say(text, snprintf(text, sizeof text,
                     "POST " PATH "invocation/%s/response HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                     "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n"
                     "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n",
                     request_id));
  piece("first|");
  usleep(250000);
  snprintf(text, sizeof text, "%lld", now_ms());
  piece(text);
  const char *trailers = breaks ? "Lambda-Runtime-Function-Error-Type: Our.Error\r\n"
                                  "Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiJPdXIuRXJyb3IifQ==\r\n"
                                : "";
  say(text, snprintf(text, sizeof text, "0\r\n%s\r\n", trailers));
  hear();
}

static void serve(void) {
  static const char failure[] = "{\"errorMessage\":\"as asked\",\"errorType\":\"Our.Error\"}";
  char request_id[128], *body = NULL;
  size_t length = 0;
  say("GET " PATH "invocation/next HTTP/1.1\r\nHost: x\r\n\r\n", strlen("GET " PATH "invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"));
  if (hear() != 200) quit("no event", 1);
  count++;
  snprintf(request_id, sizeof request_id, "%.127s", values[REQUEST_ID]);
  const char *asked = strstr(event, "\"do\": \"");
  asked = asked ? asked + 7 : "";
  if (!strncmp(asked, "fail", 4)) {
    respond(request_id, "error", TYPE "Lambda-Runtime-Function-Error-Type: Our.Error\r\n", failure, sizeof failure - 1);
  } else if (!strncmp(asked, "panic", 5)) {
    abort();
  } else if (!strncmp(asked, "exit", 4)) {
    exit(3);
  } else if (!strncmp(asked, "sleep", 5)) {
    for (;;) pause();
  } else if (!strncmp(asked, "stream", 6) || !strncmp(asked, "break", 5)) {
    stream(request_id, *asked == 'b');
  } else if (!strncmp(asked, "large", 5)) {
    length = atoll(strstr(event, "\"bytes\": ") + 9) + 2;
    body = malloc(length);
    memset(body, 'x', length);
    body[0] = body[length - 1] = '"';
    respond(request_id, "response", TYPE, body, length);
  } else {
    const char *context = *values[CONTEXT] ? values[CONTEXT] : "null";
    const char *identity = *values[IDENTITY] ? values[IDENTITY] : "null";
    body = malloc(length = strlen(event) + 32768);
    length = snprintf(body, length,
                      "{\"event\":%s,\"requestId\":\"%s\",\"arn\":\"%s\",\"remainingMs\":%lld,\"trace\":\"%s\","
                      "\"context\":%s,\"identity\":%s,\"name\":\"%s\",\"version\":\"%s\",\"memory\":%s,\"logGroup\":\"%s\","
                      "\"logStream\":\"%s\",\"count\":%lld}",
                      event, request_id, values[ARN], atoll(values[DEADLINE]) - now_ms(), values[TRACE], context,
                      identity, getenv("AWS_LAMBDA_FUNCTION_NAME"), getenv("AWS_LAMBDA_FUNCTION_VERSION"),
                      getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), getenv("AWS_LAMBDA_LOG_GROUP_NAME"),
                      getenv("AWS_LAMBDA_LOG_STREAM_NAME"), count);
    respond(request_id, "response", TYPE, body, length);
  }
  free(body);
}

int main(void) {
  static const char failure[] = "{\"errorMessage\":\"not today\",\"errorType\":\"Our.InitError\"}";
  const char *init = getenv("INIT");
  if (init && !strcmp(init, "exit")) exit(4);
  open_connection();
  if (init && !strcmp(init, "error")) {
    post("init/error", TYPE "Lambda-Runtime-Function-Error-Type: Our.InitError\r\n", failure, sizeof failure - 1);
    return 1;
  }
  for (;;) serve();
}
