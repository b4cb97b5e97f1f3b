package com.amazonaws.services.lambda.runtime.api.client.logging;

import com.amazonaws.services.lambda.runtime.logging.LogFormat;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;

/**
 * Where the client's logger writes, in place of its own class of this name: on Lambda, too, a message of many lines is
 * one log event. Within it, a byte that no text has stands for a newline; see `output.py`.
 */
public class StdOutLogSink implements LogSink {
    private static final byte NEWLINE_WITHIN = (byte) 0xFF;

    private final FileOutputStream output = new FileOutputStream(FileDescriptor.out);

    @Override
    public void log(byte[] message) {
        log(LogLevel.UNDEFINED, LogFormat.TEXT, message);
    }

    @Override
    public synchronized void log(LogLevel level, LogFormat format, byte[] message) {
        int length = message.length;
        while (length > 0 && message[length - 1] == '\n') {
            length--;
        }
        byte[] event = new byte[length + 1];
        for (int place = 0; place < length; place++) {
            event[place] = message[place] == '\n' ? NEWLINE_WITHIN : message[place];
        }
        event[length] = '\n';
        try {
            output.write(event); // with one call, so that nothing else comes in between
        } catch (IOException closed) {
            throw new java.io.UncheckedIOException(closed);
        }
    }

    @Override
    public void close() {}
}
