#!/usr/bin/env ruby
# worker.rb URL LOGIN: a consumer of a group. It fetches, works, and settles and fetches on in one go.
# worker.rb http://127.0.0.1:2113/subscriptions/orders/workers admin:changeit
%w[json net/http].each { |name| require name }

def work(event) # to be replaced by what is to be done; this one fails as often as the event says
  raise "not yet" if event["attempt"] <= event["data"].fetch("fails", 0)
  $stderr.puts "#{event["number"]} #{event["data"]}"
end

headers = { "Content-Type" => "application/json", "Authorization" => "Basic " + [ARGV[1]].pack("m0") }
settled = {}
loop do
  body = settled.merge(next: { count: 10, wait: 20 }).to_json
  answer = Net::HTTP.post(URI("#{ARGV[0]}/settle"), body, headers)
  answer.value # raises what is not 2xx
  settled = { ack: [], nack: [] }
  JSON.parse(answer.body)["events"].each do |event|
    item = event.slice("id", "lease")
    work(event)
    settled[:ack] << item
  rescue => failure
    settled[:nack] << item.merge(delay: "5s", reason: failure.message)
  end
rescue SystemCallError, IOError, Timeout::Error, Net::ProtocolError => failure # the same once more
  warn failure.message
  sleep 1
end
