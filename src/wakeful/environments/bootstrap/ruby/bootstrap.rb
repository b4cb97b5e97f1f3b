# frozen_string_literal: true

# Lambda's Ruby runtime: started by the function's interpreter, from Ruby 3.1 on.

require_relative "wakeful_runtime/main"

WakefulRuntime::Main.run
