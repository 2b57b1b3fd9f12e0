-- wrk's requests for bench/bench.pl: wrk ... -- TOKENS SERVICE CLOSE INTERFACE
-- TOKENS is a file with a token in each line, of which the next is taken for each
-- request; CLOSE is "close" where each request has a connection of its own;
-- INTERFACE is "ss-kir" for key retrieval, else "km".

local first, last = {}, ""
local next_token = 0

function init(args)
    local retrieval = args[4] == "ss-kir"
    local head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: skm-s.example\r\n"
        .. "Content-Type: application/json\r\n"
    if retrieval then
        head = "GET " .. wrk.path .. "?val-service-id=" .. args[2]
            .. " HTTP/1.1\r\nHost: skm-s.example\r\n"
    end
    if args[3] == "close" then
        head = head .. "Connection: close\r\n"
    end
    local body = '{"Version":"1.0.0","SKmsUri":"https://skm-s.example/seal-km",'
        .. '"ServiceID":"' .. args[2] .. '","Date/Time":' .. os.time() .. "}"
    local rest = "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
    if retrieval then
        rest = "\r\n\r\n"
    end
    for token in io.lines(args[1]) do
        first[#first + 1] = head .. "Authorization: Bearer " .. token .. rest
    end
end

function request()
    next_token = next_token % #first + 1
    return first[next_token]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"bytes":%d,"microseconds":%d,"bad":%d,'
        .. '"p50":%d,"p99":%d,"p999":%d}\n',
        summary.requests, summary.bytes, summary.duration,
        e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
