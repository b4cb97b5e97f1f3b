# frozen_string_literal: true

require "json"
require "stringio"

# How events are read and answers are written. A function may define these anew.
module AwsLambda
  class Marshaller
    class << self
      def marshall_request(raw_request)
        raw_request["Content-Type"] == "application/json" ? JSON.parse(raw_request.body) : raw_request.body
      end

      # The answer, and its content type where that is not JSON's.
      def marshall_response(method_response)
        case method_response
        when StringIO, IO then [method_response, "application/unknown"]
        else method_response.to_json
        end
      end
    end
  end
end

# A handler by its name: file.method, or file.Class.method. Methods outside of any class are called on one of these.
class LambdaHandler
  attr_reader :handler_file_name, :handler_method_name

  def initialize(env_handler:)
    parts = env_handler.split(".")
    case parts.size
    when 2 then @handler_file_name, @handler_method_name = parts
    when 3 then @handler_file_name, @handler_class, @handler_method_name = parts
    else
      raise ArgumentError,
            "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME " \
            "corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace " \
            "and METHOD is a callable method. If using CLASS, METHOD must be a class-level method."
    end
  end

  # Body and content type of what the function answers.
  def call_handler(request:, context:)
    given = { event: request, context: context }
    answer =
      if @handler_class
        Kernel.const_get(@handler_class).send(@handler_method_name, **given)
      else
        __send__(@handler_method_name, **given)
      end
    body, content_type = AwsLambda::Marshaller.marshall_response(answer)
    [content_type == "application/unknown" ? body.read : body, content_type || "application/json"]
  end
end
