# frozen_string_literal: true

require "socket"

module WakefulRuntime
  # An event as it came. Functions that read it in their own way know `request["Content-Type"]` and `request.body`.
  class Request
    attr_reader :body

    def initialize(headers, body)
      @headers = headers
      @body = body
    end

    def [](name)
      @headers[name.downcase]
    end
  end

  # The Runtime API over one raw socket. An answer and the question for the next event travel in one piece.
  class Client
    PATH = "/2018-06-01/runtime/"
    RECEIVE_BYTES = 65_536
    HEAD_END = "\r\n\r\n"

    def self.connect(address)
      host, _, port = address.rpartition(":")
      socket = TCPSocket.new(host, Integer(port))
      socket.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
      new(socket, address)
    end

    def initialize(socket, address)
      @socket = socket
      @head = " HTTP/1.1\r\nHost: #{address}\r\n"
      @next = "GET #{PATH}invocation/next#{@head}\r\n"
      @received = String.new(capacity: RECEIVE_BYTES)
      @is_asked = false
    end

    # Waits for the next event.
    def next_event
      send_all(@next) unless @is_asked
      @is_asked = false
      status, headers, body = answer
      raise "Received #{status} when waiting for next invocation." unless status == 200

      Request.new(headers, body.force_encoding(Encoding::UTF_8))
    end

    # The event is answered, and the next one is asked for. What the Runtime API has against it is in the outcome.
    def respond(request_id, body, content_type)
      post("invocation/#{request_id}/response", "Content-Type: #{content_type}\r\n", body, @next)
      @is_asked = true
      answer
    end

    # The event has failed. Unless it is the last one, the next one is asked for.
    def fail(request_id, error_type, body, is_last)
      post("invocation/#{request_id}/error", type_header(error_type), body, is_last ? "" : @next)
      @is_asked = !is_last
      answer
    end

    # INIT has failed. The process is expected to exit.
    def fail_to_start(error_type, body)
      post("init/error", type_header(error_type), body, "")
      answer
    end

    private

    def post(path, header, body, after)
      head = "POST #{PATH}#{path}#{@head}#{header}Content-Length: #{body.bytesize}\r\n\r\n"
      send_all(head.b << body.b << after)
    end

    def type_header(error_type)
      "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: #{error_type.gsub(/[^\x20-\x7e]/, '?')}\r\n"
    end

    def send_all(data)
      @socket.write(data)
    rescue SystemCallError
      leave
    end

    # Status, headers and body of the next answer on the connection.
    def answer
      receive until (head_end = @received.index(HEAD_END))
      lines = @received.byteslice(0, head_end).split("\r\n")
      headers = {}
      lines.drop(1).each do |line|
        name, value = line.split(": ", 2)
        headers[name.downcase] = value.to_s.force_encoding(Encoding::UTF_8)
      end
      body_end = head_end + HEAD_END.bytesize + headers["content-length"].to_i
      receive while @received.bytesize < body_end
      body = @received.byteslice(head_end + HEAD_END.bytesize, headers["content-length"].to_i)
      @received = @received.byteslice(body_end, @received.bytesize)
      [lines[0].byteslice(9, 3).to_i, headers, body]
    end

    def receive
      @received << @socket.readpartial(RECEIVE_BYTES)
    rescue SystemCallError, IOError
      leave
    end

    # The environment is being taken down: no exit handlers, as after a kill.
    def leave
      Process.exit!(1)
    end
  end
end
