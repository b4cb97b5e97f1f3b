# frozen_string_literal: true

require "json"
require "logger"

# The invocation under way, for log lines. Known by this name to libraries and to functions that format their own.
$_global_aws_request_id = nil

module WakefulRuntime
  # What a function writes to its log: every `puts` is one event, and loggers on stdout and stderr write as on Lambda.
  module Log
    NEWLINE_WITHIN = "\xff".b.freeze # stands for a newline inside one event; no UTF-8 text contains it
    private_constant :NEWLINE_WITHIN

    LEVELS = {
      "TRACE" => Logger::DEBUG, "DEBUG" => Logger::DEBUG, "INFO" => Logger::INFO,
      "WARN" => Logger::WARN, "ERROR" => Logger::ERROR, "FATAL" => Logger::FATAL
    }.freeze

    module_function

    # One event, even if it has several lines.
    def event(text)
      text = readable(text).chomp
      STDOUT.write(text.b.gsub("\n", NEWLINE_WITHIN) << "\n")
      nil
    end

    def readable(text)
      text.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end

    def json?
      ENV.fetch("AWS_LAMBDA_LOG_FORMAT", "").casecmp?("JSON")
    end

    def level
      LEVELS.fetch(ENV.fetch("AWS_LAMBDA_LOG_LEVEL", "").upcase, Logger::DEBUG)
    end

    # Nothing is kept back, whenever the process is killed.
    def set_up
      STDOUT.sync = true
      STDERR.sync = true
      Logger.prepend(LambdaLogger)
      Kernel.module_eval do
        private def puts(*words)
          WakefulRuntime::Log.event(words.flatten.map { |word| WakefulRuntime::Log.readable(word) }.join("\n"))
        end
      end
    end
  end

  # Goes to the function's log whatever the logger was opened on: stdout, stderr or nothing.
  class EventDevice
    def write(text)
      Log.event(text)
    end

    def close; end

    def reopen(*)
      self
    end
  end

  # As a logger writes in the text format.
  class TextFormatter < Logger::Formatter
    def call(severity, time, progname, message)
      stamp = time.strftime(datetime_format || "%Y-%m-%dT%H:%M:%S.%6N")
      head = "#{severity[0]}, [#{stamp} ##{Process.pid}] #{severity.rjust(5)} #{$_global_aws_request_id}"
      "#{head} -- #{Log.readable(progname)}: #{Log.readable(msg2str(message))}\n"
    end
  end

  # As a logger writes in the JSON format.
  class JsonFormatter < Logger::Formatter
    PLACE = /\A(.+):(\d+):in [`'](.+)'\z/
    private_constant :PLACE

    def call(severity, time, progname, message)
      entry = {
        timestamp: time.getutc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ"),
        level: severity,
        message: Log.readable(message.is_a?(Exception) ? message.message : msg2str(message)),
        requestId: $_global_aws_request_id
      }
      entry[:logger] = Log.readable(progname) unless progname.to_s.empty?
      entry.update(details_of(message)) if message.is_a?(Exception)
      "#{JSON.generate(entry.compact)}\n"
    end

    private

    def details_of(error)
      trace = Array(error.backtrace).map { |frame| Log.readable(frame) }
      file, line, method = trace.first.to_s.match(PLACE)&.captures
      {
        errorType: error.class.to_s,
        errorMessage: Log.readable(error.message),
        stackTrace: trace,
        location: file ? "#{file}:#{method}:#{line}" : trace.first
      }
    end
  end

  # Comes before Logger: one that writes to the function's log has Lambda's format and level, unless it was given others.
  module LambdaLogger
    def initialize(logdev, *rest, **settings)
      if logdev.nil? || logdev.equal?(STDOUT) || logdev.equal?(STDERR)
        logdev = EventDevice.new
        settings[:formatter] ||= Log.json? ? JsonFormatter.new : TextFormatter.new
        settings[:level] = Log.level unless settings.key?(:level)
      end
      super(logdev, *rest, **settings)
    end
  end
end
