# frozen_string_literal: true

require "json"
require "net/http" # Lambda's runtime has loaded it, and functions rely on that

require_relative "client"
require_relative "context"
require_relative "failure"
require_relative "handler"
require_relative "log"

module WakefulRuntime
  # From the start of the process to its end: wait to be assigned, load the handler, answer events.
  module Main
    WARM_UP_ROUNDS = 20
    READY = 3 # the descriptor on which a cell says that it waits
    INIT_FAILED = 252
    CRITICAL = 255
    private_constant :WARM_UP_ROUNDS, :READY, :INIT_FAILED, :CRITICAL

    module_function

    def run
      if ENV.delete("WAKEFUL_CELL")
        warm_up
        ready = IO.for_fd(READY)
        ready.syswrite(".")
        ready.close
        take($stdin.read)
      end
      set_up
      client = Client.connect(ENV.fetch("AWS_LAMBDA_RUNTIME_API"))
      handler = load_handler(client)
      loop { serve(client, handler) }
    end

    # This process is now the given function's: its variables, nothing on stdin.
    def take(assignment)
      Process.exit!(0) if assignment.empty? # given up before it had a function
      $stdin.reopen(File::NULL)
      ENV.replace(JSON.parse(assignment)["variables"])
    end

    # Search paths and working directory as a function finds them on Lambda.
    def set_up
      ENV.delete("WAKEFUL_LAYERS_ROOT")
      Dir.chdir(ENV.fetch("LAMBDA_TASK_ROOT", "/var/task"))
      named = ENV.fetch("RUBYLIB", "").split(":").reject(&:empty?)
      $LOAD_PATH.replace([Dir.pwd, *named, *$LOAD_PATH].uniq)
      # The gems that come with the interpreter are found last.
      Gem.paths = ENV.to_h.merge("GEM_PATH" => [ENV.fetch("GEM_PATH", nil), Gem.default_dir].compact.join(":"))
      Log.set_up
    end

    def load_handler(client)
      handler = LambdaHandler.new(env_handler: ENV.fetch("_HANDLER"))
      require handler.handler_file_name
      handler
    rescue Exception => e # whatever the function's file raised, SystemExit too, is told to the Runtime API
      failure = Failure.new(e, "Init")
      Log.event("Init error when loading handler ")
      Log.event(failure.shown)
      client.fail_to_start(failure.counted_type, failure.json)
      exit(INIT_FAILED)
    end

    # One event has been answered.
    def serve(client, handler)
      request = client.next_event
      request_id = $_global_aws_request_id = request["Lambda-Runtime-Aws-Request-Id"]
      ENV["_X_AMZN_TRACE_ID"] = request["Lambda-Runtime-Trace-Id"]
      event = AwsLambda::Marshaller.marshall_request(request)
      context = LambdaContext.new(request)
      begin
        body, content_type = handler.call_handler(request: event, context: context)
      rescue Exception => e
        give_up(client, request_id, e)
      else
        client.respond(request_id, body, content_type)
      end
    end

    # The event has failed. A name that is not there, and what is no StandardError, ends the process too.
    def give_up(client, request_id, error)
      is_critical = error.is_a?(NameError) || !error.is_a?(StandardError)
      failure = Failure.new(error, "Function")
      Log.event(is_critical ? "Critical exception from handler" : "Error raised from handler method")
      Log.event(failure.shown)
      client.fail(request_id, failure.counted_type, failure.json, is_critical)
      exit(CRITICAL) if is_critical
    end

    # Answers a few made-up events, so that the first real one finds everything loaded and cached.
    def warm_up
      here, there = Socket.pair(:UNIX, :STREAM)
      client = Client.new(here, "127.0.0.1:9001")
      event =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: warm-up\r\n" \
        "Lambda-Runtime-Deadline-Ms: 0\r\nLambda-Runtime-Invoked-Function-Arn: arn\r\n" \
        "Lambda-Runtime-Trace-Id: Root=1\r\nContent-Length: 14\r\n\r\n{\"text\": \"hi\"}"
      accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
      WARM_UP_ROUNDS.times do
        there.write(event + accepted)
        serve(client, ECHO)
        there.readpartial(Client::RECEIVE_BYTES)
      end
      Failure.new(StandardError.new("warm-up"), "Function").json
      [here, there].each(&:close)
      ENV.delete("_X_AMZN_TRACE_ID")
      $_global_aws_request_id = nil
      Process.respond_to?(:warmup) ? Process.warmup : GC.start
    end

    # Stands for a handler while a cell warms up.
    module ECHO
      def self.call_handler(request:, context:)
        context.get_remaining_time_in_millis
        AwsLambda::Marshaller.marshall_response(request).then { |body| [body, "application/json"] }
      end
    end
  end
end
