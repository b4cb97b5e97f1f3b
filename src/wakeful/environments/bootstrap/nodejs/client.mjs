/** The Runtime API over one socket. An answer and the question for the next event travel in one piece. */

import { createConnection } from "node:net";

const PATH = "/2018-06-01/runtime/";
const HEAD_END = Buffer.from("\r\n\r\n");

/** A client of the Runtime API at `address` (host:port). */
export async function connect(address) {
  const socket = open(address);
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.removeAllListeners("error");
  return new Client(socket, address);
}

function open(address) {
  const colon = address.lastIndexOf(":");
  return createConnection({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true });
}

export class Client {
  #socket;
  #address;
  #host;
  #received = [];
  #receivedBytes = 0;
  #wantedBytes = 0;
  #waiting = []; // who gets the next answers on the connection, in order

  constructor(socket, address) {
    this.#address = address;
    this.#host = ` HTTP/1.1\r\nHost: ${address}\r\n`;
    this.#listen(socket);
  }

  #listen(socket) {
    this.#socket = socket;
    socket.on("data", (data) => this.#take(data));
    // The environment is being taken down: no exit handlers, as after a kill.
    socket.on("error", () => process.reallyExit(1));
    socket.on("close", () => process.reallyExit(1));
  }

  /** Calls `onEvent` with the headers and the body of the next event. */
  next(onEvent) {
    this.#socket.ref();
    this.#waiting.push((status, headers, body) => this.#give(onEvent, status, headers, body));
    this.#socket.write(this.#nextRequest());
  }

  /** The event is answered; `onEvent` gets the next one. */
  respond(requestId, body, onEvent) {
    this.#answerAndAsk(`invocation/${requestId}/response`, "", body, onEvent);
  }

  /** The event has failed; `onEvent` gets the next one. */
  fail(requestId, errorType, body, onEvent) {
    this.#answerAndAsk(`invocation/${requestId}/error`, typeHeader(errorType), body, onEvent);
  }

  /** The event has failed, and no other is asked for. Calls `onTold` when the Runtime API knows. */
  failForGood(requestId, errorType, body, onTold) {
    this.#tell(`invocation/${requestId}/error`, errorType, body, onTold);
  }

  /** INIT has failed. Calls `onTold` when the Runtime API knows. */
  failToStart(errorType, body, onTold) {
    this.#tell("init/error", errorType, body, onTold);
  }

  /** INIT is over; resolves when the environment has been restored for its first event. */
  restored() {
    this.#socket.ref();
    this.#socket.write(`GET ${PATH}restore/next${this.#host}\r\n`);
    return new Promise((resolve, reject) => {
      this.#waiting.push((status, headers, body) => {
        if (status === 200) resolve();
        else reject(new Error(`restore/next: ${status} ${body}`));
      });
    });
  }

  /** The event is answered or has failed, and no other is asked for. Calls `onTold` when the Runtime API knows. */
  answerOnly(requestId, invocationId, body, errorType, onTold) {
    const verb = errorType === null ? "response" : "error";
    const header = `Lambda-Runtime-Invocation-Id: ${invocationId}\r\n` + (errorType === null ? "" : typeHeader(errorType));
    this.#waiting.push(() => onTold());
    this.#socket.write(this.#request(`invocation/${requestId}/${verb}`, header, body));
  }

  /** From now on the connection keeps the event loop busy, as while an answer is being streamed, or no longer. */
  hold(isHeld) {
    if (isHeld) this.#socket.ref();
    else this.#socket.unref();
  }

  /** The event's answer comes in pieces. Calls `onAnswered` when the Runtime API has all of it. */
  beginResponse(requestId, contentType, onAnswered) {
    this.#waiting.push(() => onAnswered());
    this.#socket.write(
      `POST ${PATH}invocation/${requestId}/response${this.#host}Content-Type: ${printable(contentType)}\r\n` +
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n" +
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n",
    );
  }

  /** Calls `onWritten` when there is room for more. */
  writePiece(data, onWritten) {
    if (data.length === 0) {
      onWritten();
      return;
    }
    this.#socket.cork();
    this.#socket.write(`${data.length.toString(16)}\r\n`);
    this.#socket.write(data);
    this.#socket.write("\r\n", (error) => onWritten(error));
    this.#socket.uncork();
  }

  /** The answer is whole; with an error document, it has failed at this point. */
  endResponse(document, onWritten) {
    let trailers = "";
    if (document !== null) {
      const body = Buffer.from(JSON.stringify(document)).toString("base64");
      trailers =
        `Lambda-Runtime-Function-Error-Type: ${printable(document.errorType)}\r\n` +
        `Lambda-Runtime-Function-Error-Body: ${body}\r\n`;
    }
    this.#socket.write(`0\r\n${trailers}\r\n`, (error) => onWritten?.(error));
  }

  /** The answer will never be whole. Whatever is asked next is asked on another connection. */
  breakOff() {
    this.close();
    this.#received = [];
    this.#receivedBytes = this.#wantedBytes = 0;
    this.#waiting = [];
    this.#listen(open(this.#address));
  }

  close() {
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => {});
    this.#socket.destroy();
  }

  #tell(path, errorType, body, onTold) {
    this.#socket.ref();
    this.#waiting.push(() => onTold());
    this.#socket.write(this.#request(path, typeHeader(errorType), body));
  }

  #answerAndAsk(path, header, body, onEvent) {
    this.#socket.ref();
    this.#waiting.push((status, headers, answer) => {
      // A response that is too large has ended the invocation, not the runtime.
      if (status !== 202 && status !== 413) throw new Error(`${path}: ${status} ${answer}`);
    });
    this.#waiting.push((status, headers, answer) => this.#give(onEvent, status, headers, answer));
    this.#socket.write(this.#request(path, header, body) + this.#nextRequest());
  }

  #nextRequest() {
    return `GET ${PATH}invocation/next${this.#host}\r\n`;
  }

  #request(path, header, body) {
    return `POST ${PATH}${path}${this.#host}${header}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  #give(onEvent, status, headers, body) {
    if (status !== 200) throw new Error(`next: ${status} ${body}`);
    // While the handler runs the connection must not keep the event loop busy: an empty one ends the invocation.
    this.#socket.unref();
    onEvent(headers, body);
  }

  #take(data) {
    this.#received.push(data);
    this.#receivedBytes += data.length;
    if (this.#receivedBytes < this.#wantedBytes) return;
    let received = this.#received.length === 1 ? data : Buffer.concat(this.#received);
    for (;;) {
      const end = received.indexOf(HEAD_END);
      this.#wantedBytes = 0;
      if (end < 0) break;
      const lines = received.latin1Slice(0, end).split("\r\n");
      const headers = {};
      for (let i = 1; i < lines.length; i++) {
        const colon = lines[i].indexOf(":");
        headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 2);
      }
      const bodyEnd = end + 4 + Number(headers["content-length"] ?? 0);
      if (received.length < bodyEnd) {
        this.#wantedBytes = bodyEnd;
        break;
      }
      const body = received.utf8Slice(end + 4, bodyEnd);
      received = received.subarray(bodyEnd);
      this.#waiting.shift()(Number(lines[0].slice(9, 12)), headers, body);
    }
    this.#received = received.length ? [received] : [];
    this.#receivedBytes = received.length;
  }
}

function typeHeader(errorType) {
  return `Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: ${printable(errorType)}\r\n`;
}

function printable(text) {
  return String(text).replace(/[^\x20-\x7e]/g, "?");
}
