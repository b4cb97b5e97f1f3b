# frozen_string_literal: true

# Attacks in Ruby, when the function is loaded. See tests/security/test_attackers.py for the protocol.

require "socket"

PATIENCE_S = 0.3
LEFT_OUT = %w[/usr /proc /sys /dev].freeze

def tried
  yield
rescue SystemCallError, IOError, SocketError, ArgumentError
  nil
end

def opens(path, flags) = tried { File.open(path, flags | File::NONBLOCK, 0o600).close || true }

def numbers_in(folder) = (tried { Dir.children(folder) } || []).grep(/\A\d+\z/)

# A connection, or a datagram that nobody refuses.
def talks(address, kind)
  client = Socket.new(address.afamily, kind, 0)
  connected = client.connect_nonblock(address, exception: false)
  return client.wait_writable(PATIENCE_S).nil? || client.connect_nonblock(address, exception: false) == 0 if connected == :wait_writable

  if kind == Socket::SOCK_DGRAM
    client.send("?", 0)
    client.recv(1) if client.wait_readable(PATIENCE_S)
  end
  true
rescue Errno::EISCONN
  true
ensure
  client&.close
end

def reach(word)
  kind, where = word.split("/", 2)
  host, port = where.split("/")
  case kind
  when "tcp" then talks(Addrinfo.tcp(host, port), Socket::SOCK_STREAM)
  when "udp" then talks(Addrinfo.udp(host, port), Socket::SOCK_DGRAM)
  when "name" then !Addrinfo.getaddrinfo(where, 80).empty?
  else
    address = Addrinfo.new(Socket.sockaddr_un(kind == "abstract" ? "\0#{where}" : where))
    tried { talks(address, Socket::SOCK_STREAM) } || tried { talks(address, Socket::SOCK_DGRAM) }
  end
end

def sockets
  own = [Socket::AF_UNIX, Socket::AF_INET, Socket::AF_INET6, Socket::AF_NETLINK]
  kinds = [Socket::SOCK_STREAM, Socket::SOCK_DGRAM, Socket::SOCK_RAW, Socket::SOCK_SEQPACKET]
  all = ((1..46).to_a - own).product(kinds, [0]) + [Socket::AF_NETLINK].product([Socket::SOCK_RAW], (1..22).to_a)
  all += [[Socket::AF_INET, Socket::SOCK_RAW, 1], [Socket::AF_INET6, Socket::SOCK_RAW, 58]]
  all.select { |each| tried { Socket.new(*each).close || true } }.map { |each| each.join("/") }
end

def files_in(path)
  return [] if LEFT_OUT.include?(path)

  case tried { File.lstat(path) }&.ftype
  when "file" then [path]
  when "directory" then (tried { Dir.children(path) } || []).flat_map { |name| files_in(File.join(path, name)) }
  else []
  end
end

def search(backwards, *roots)
  needle = backwards.reverse.b
  pids = numbers_in("/proc")
  said = pids.flat_map { |pid| ["/proc/#{pid}/environ", "/proc/#{pid}/cmdline"] }
  memory = (pids - [Process.pid.to_s]).map { |pid| "/proc/#{pid}/mem" }
  found = (roots.flat_map { |root| files_in(root) } + said).select { |path| tried { File.binread(path, 1 << 20)&.include?(needle) } }
  found + memory.select { |path| opens(path, File::RDONLY) }
end

# The runtime's connection to its own Runtime API.
def runtime_api?(number)
  tried do
    socket = Socket.for_fd(number)
    socket.autoclose = false
    socket.remote_address.inspect_sockaddr == ENV.fetch("AWS_LAMBDA_RUNTIME_API")
  end
end

# Those that lead where no name leads from here.
def descriptors
  numbers_in("/proc/self/fd").filter_map do |number|
    path = "/proc/self/fd/#{number}"
    target = tried { File.readlink(path) }
    next if number.to_i < 3 || runtime_api?(number.to_i) || target.nil? || target.start_with?("pipe:", "anon_inode:")

    target unless tried { File.identical?(path, target) }
  end
end

# What Ruby lets one call by number: mount, unshare, setns, ptrace, bpf, keyctl. Refused as such, or gained.
def calls
  numbers = { "mount" => 165, "unshare" => 272, "setns" => 308, "ptrace" => 101, "bpf" => 321, "keyctl" => 250 }
  numbers = { "mount" => 40, "unshare" => 97, "setns" => 268, "ptrace" => 117, "bpf" => 280, "keyctl" => 219 } if RUBY_PLATFORM.start_with?("aarch64")
  refused = [Errno::EPERM, Errno::EACCES, Errno::ENOSYS]
  numbers.reject do |_, number|
    $VERBOSE = nil
    syscall(number, 0, 0, 0, 0, 0)
    false
  rescue *refused
    true
  rescue SystemCallError
    false
  end.keys
end

def attempt(attack, words)
  case attack
  when "read" then words.select { |path| opens(path, File::RDONLY) }
  when "write" then words.select { |path| opens(path, File::WRONLY | File::CREAT) }
  when "signal" then words.select { |pid| tried { Process.kill(0, pid.to_i) } }
  when "look" then words.flat_map { |pid| %w[mem environ maps fd].map { |name| "/proc/#{pid}/#{name}" } }.select { |path| opens(path, File::RDONLY) }
  when "reach" then words.select { |word| tried { reach(word) } }
  when "sockets" then sockets
  when "search" then search(*words)
  when "descriptors" then descriptors
  when "calls" then calls
  end
end

ENV.fetch("ATTACKS").each_line(chomp: true) do |line|
  attack, *words = line.split
  gained = attempt(attack, words)
  $stdout.syswrite((gained&.map { |what| "#{attack} #{what}\n" } || ["unknown #{attack}\n"]).join)
end
$stdout.syswrite("done\n")
Process.exit!(0)
