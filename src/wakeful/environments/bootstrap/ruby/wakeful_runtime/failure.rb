# frozen_string_literal: true

require "json"

module WakefulRuntime
  # What is told of an exception: the error document, and the type by which Lambda counts it.
  class Failure
    FRAMES_MAX = 100
    COUNTED = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze
    OWN_FOLDER = "#{File.dirname(__dir__)}/"
    private_constant :FRAMES_MAX, :COUNTED, :OWN_FOLDER

    # `phase` is Function or Init.
    def initialize(error, phase)
      @class = error.class.to_s
      @type = "#{phase}<#{@class}>"
      @message = error.message
      @trace = trace_of(error)
    end

    def counted_type
      COUNTED.include?(@class) ? @type : "Function<UserException>"
    end

    def document
      { errorMessage: readable(@message), errorType: @type, stackTrace: @trace }
    end

    def json
      JSON.generate(document)
    end

    def shown
      JSON.pretty_generate(document)
    end

    private

    # Down to where this runtime called the function.
    def trace_of(error)
      frames = (error.backtrace || []).first(FRAMES_MAX)
      frames.take_while { |frame| !frame.start_with?(OWN_FOLDER) }.map { |frame| readable(frame) }
    end

    def readable(text)
      text.to_s.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end
  end
end
