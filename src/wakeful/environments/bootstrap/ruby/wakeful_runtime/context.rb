# frozen_string_literal: true

require "json"

# What a handler gets as `context`: "Using the Lambda context object to retrieve Ruby function information".
class LambdaContext
  W3C_FIELDS = %w[traceparent tracestate baggage].freeze
  private_constant :W3C_FIELDS

  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :deadline_ms, :tenant_id

  def initialize(request)
    @deadline_ms = request["Lambda-Runtime-Deadline-Ms"].to_i
    @aws_request_id = request["Lambda-Runtime-Aws-Request-Id"]
    @invoked_function_arn = request["Lambda-Runtime-Invoked-Function-Arn"]
    @tenant_id = request["Lambda-Runtime-Aws-Tenant-Id"]
    @log_group_name = ENV.fetch("AWS_LAMBDA_LOG_GROUP_NAME", nil)
    @log_stream_name = ENV.fetch("AWS_LAMBDA_LOG_STREAM_NAME", nil)
    @function_name = ENV.fetch("AWS_LAMBDA_FUNCTION_NAME", nil)
    @memory_limit_in_mb = ENV.fetch("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", nil)
    @function_version = ENV.fetch("AWS_LAMBDA_FUNCTION_VERSION", nil)
    @identity = parsed(request["Lambda-Runtime-Cognito-Identity"])
    @client_context = parsed(request["Lambda-Runtime-Client-Context"])
    sent = @client_context.is_a?(Hash) ? @client_context.delete("w3c") : nil
    @w3c = sent.is_a?(Hash) ? sent.slice(*W3C_FIELDS).select { |_, value| value.is_a?(String) } : {}
  end

  # Milliseconds until the invocation times out.
  def get_remaining_time_in_millis
    [@deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
  end

  # The W3C trace context that came with the invocation.
  def w3c
    @w3c.dup
  end

  private

  def parsed(text)
    JSON.parse(text) unless text.to_s.empty?
  end
end
