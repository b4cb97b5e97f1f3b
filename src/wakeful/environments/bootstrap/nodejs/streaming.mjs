/** Answers that go out as they are written: `awslambda.streamifyResponse`, and the stream that its handlers write to. */

import { Writable } from "node:stream";

import { InvalidStreamingOperation, MalformedStreamingHandler } from "./errors.mjs";

// Known by these names to libraries that wrap handlers.
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
const RESPONSE = "response";

const WITH_METADATA = "application/vnd.awslambda.http-integration-response";
const DELIMITER_BYTES = 8;

/** What functions find as the global `awslambda`. */
export const awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = RESPONSE;
    if (typeof options?.highWaterMark === "number") handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
    return handler;
  },

  HttpResponseStream: class HttpResponseStream {
    /** `stream`, before whose first piece go the status and the headers of an HTTP response. */
    static from(stream, metadata) {
      stream.setContentType(WITH_METADATA);
      const prelude = JSON.stringify(metadata);
      stream._onBeforeFirstWrite = (write) => {
        write(prelude);
        write(new Uint8Array(DELIMITER_BYTES));
      };
      return stream;
    }
  },
};

/** Whether the handler writes its answer to a stream. */
export function streams(handler) {
  const kind = handler[STREAMING];
  if (kind === undefined || kind === null || kind === false) return false;
  if (kind !== RESPONSE) throw new MalformedStreamingHandler("Only response streaming is supported.");
  return true;
}

/** The answer to one event. Destroyed in the middle it is broken off, and the caller hears of that. */
export class ResponseStream extends Writable {
  /** Settled when the Runtime API has the whole answer, or will never have it. */
  answered;
  #client;
  #requestId;
  #contentType = "application/octet-stream";
  #isWritten = false;
  #hasBegun = false;
  #error = null;
  #settle;

  constructor(client, requestId, handler) {
    const highWaterMark = Number.parseInt(handler[HIGH_WATER_MARK]);
    super(highWaterMark > 0 ? { highWaterMark } : {});
    this.#client = client;
    this.#requestId = requestId;
    this.answered = new Promise((resolve) => (this.#settle = resolve));
    this.on("error", () => {}); // told by whoever caused it
  }

  /** Whether a part of it is already on its way. */
  get hasBegun() {
    return this.#hasBegun;
  }

  setContentType(contentType) {
    if (this.#isWritten) throw new InvalidStreamingOperation("Cannot set content-type, too late.");
    this.#contentType = String(contentType);
  }

  write(chunk, encoding, callback) {
    if (typeof chunk !== "string" && !Buffer.isBuffer(chunk) && chunk?.constructor !== Uint8Array) {
      chunk = JSON.stringify(chunk);
    }
    if (!this.#isWritten) {
      this.#isWritten = true;
      if (typeof this._onBeforeFirstWrite === "function") this._onBeforeFirstWrite((data) => super.write(data));
    }
    return super.write(chunk, encoding, callback);
  }

  end(chunk, encoding, callback) {
    if (typeof chunk === "function") return super.end(chunk);
    if (chunk !== undefined && chunk !== null) this.write(chunk, typeof encoding === "string" ? encoding : undefined);
    return super.end(typeof encoding === "function" ? encoding : callback);
  }

  /** The answer ends with an error, wherever it stands. */
  fail(document) {
    if (this.writableFinished) return;
    this.#error = document;
    if (!this.destroyed) this.end();
    else if (!this.#hasBegun) this.#finish();
  }

  _write(data, encoding, callback) {
    this.#begin();
    this.#client.writePiece(data, callback);
  }

  _writev(entries, callback) {
    this._write(Buffer.concat(entries.map((entry) => entry.chunk)), null, callback);
  }

  _final(callback) {
    this.#finish(callback);
  }

  _destroy(error, callback) {
    if (!this.writableFinished) {
      if (this.#hasBegun) this.#client.breakOff();
      this.#settle();
    }
    callback(error);
  }

  #begin() {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#client.beginResponse(this.#requestId, this.#contentType, this.#settle);
  }

  #finish(callback) {
    this.#begin();
    this.#client.endResponse(this.#error, callback);
  }
}
