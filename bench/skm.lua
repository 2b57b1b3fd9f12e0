-- The job of a SEAL KM location as it is done in Lua inside nginx: Debian's
-- libnginx-mod-http-lua and lua-cjson, signatures by libcrypto through the FFI,
-- Redis over a cosocket, verified tokens in an LRU cache of the worker's.
-- For bench/bench.pl, to compare with; it does what the module does of its job in
-- the benchmark, in the same order, and nothing that only costs time.

local cjson = require "cjson"
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local base64 = require "ngx.base64"

local C = ffi.load("crypto")

ffi.cdef [[
typedef struct bio_st BIO;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_st EVP_MD;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct ECDSA_SIG_st ECDSA_SIG;
typedef struct bignum_st BIGNUM;
BIO *BIO_new_mem_buf(const void *buf, int len);
int BIO_free(BIO *bio);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *bp, void *x, void *cb, void *u);
const EVP_MD *EVP_sha256(void);
EVP_MD_CTX *EVP_MD_CTX_new(void);
int EVP_MD_CTX_reset(EVP_MD_CTX *ctx);
int EVP_DigestVerifyInit(EVP_MD_CTX *ctx, void *pctx, const EVP_MD *type,
                         void *e, EVP_PKEY *pkey);
int EVP_DigestVerify(EVP_MD_CTX *ctx, const unsigned char *sig, size_t siglen,
                     const unsigned char *tbs, size_t tbslen);
ECDSA_SIG *ECDSA_SIG_new(void);
void ECDSA_SIG_free(ECDSA_SIG *sig);
BIGNUM *BN_bin2bn(const unsigned char *s, int len, BIGNUM *ret);
int ECDSA_SIG_set0(ECDSA_SIG *sig, BIGNUM *r, BIGNUM *s);
int i2d_ECDSA_SIG(const ECDSA_SIG *sig, unsigned char **pp);
void ERR_clear_error(void);
]]

local _M = {}

local conf, keys, cache
local ctx = C.EVP_MD_CTX_new()
local der = ffi.new("unsigned char[256]")
local pp = ffi.new("unsigned char *[1]")

local KINDS = { ClientID = "client", DeviceID = "device", UserID = "user" }
local CLAIMS = { client = "client_id", device = "device_id", user = "sub" }
local ALG = { RS256 = true, ES256 = true }


-- conf: uri, issuer, audience, scope, window, redis, keys (kid => { alg, pem }),
-- cache: how many tokens
function _M.init(c)
    conf = c
    keys = {}
    for kid, key in pairs(c.keys) do
        local bio = C.BIO_new_mem_buf(key.pem, #key.pem)
        keys[kid] = { alg = key.alg,
                      pkey = C.PEM_read_bio_PUBKEY(bio, nil, nil, nil) }
        assert(keys[kid].pkey ~= nil, "no key in a PEM")
        C.BIO_free(bio)
    end
    cache = c.cache > 0 and lrucache.new(c.cache) or nil
end


local function say(status, code, response)
    response.SKmsUri = conf.uri
    response["Date/Time"] = ngx.time()
    response.ErrorCode = code
    local body = cjson.encode(response)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Content-Length"] = #body
    if status == 401 then
        ngx.header["WWW-Authenticate"] = 'Bearer realm="SEAL KM"'
    end
    ngx.print(body)
    return ngx.exit(status)
end


-- RFC 7518, clause 3.4, has r and s side by side, OpenSSL wants DER
local function to_der(signature)
    if #signature ~= 64 then
        return nil
    end
    local sig = C.ECDSA_SIG_new()
    local p = ffi.cast("const unsigned char *", signature)
    C.ECDSA_SIG_set0(sig, C.BN_bin2bn(p, 32, nil), C.BN_bin2bn(p + 32, 32, nil))
    pp[0] = der
    local len = C.i2d_ECDSA_SIG(sig, pp)
    C.ECDSA_SIG_free(sig)
    return len > 0 and len or nil
end


local function is_signed(key, input, signature)
    local p, len = ffi.cast("const unsigned char *", signature), #signature

    if key.alg == "ES256" then
        p, len = der, to_der(signature)
        if not len then
            return false
        end
    end

    C.EVP_MD_CTX_reset(ctx)
    local ok = C.EVP_DigestVerifyInit(ctx, nil, C.EVP_sha256(), nil, key.pkey) == 1
        and C.EVP_DigestVerify(ctx, p, len, input, #input) == 1
    C.ERR_clear_error()
    return ok
end


local function decode(part)
    local text = base64.decode_base64url(part)
    local ok, json = pcall(cjson.decode, text or "")
    return ok and type(json) == "table" and json or nil
end


-- the claims of a token that is right but for its time, or nil
local function verify(token)
    local header, payload, signature =
        token:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
    if not header then
        return nil
    end

    local head = decode(header)
    if not head or not ALG[head.alg] or head.crit ~= nil or head.b64 ~= nil then
        return nil
    end

    local key = keys[head.kid]
    if not key or key.alg ~= head.alg then
        return nil
    end

    signature = base64.decode_base64url(signature)
    if not signature
        or not is_signed(key, header .. "." .. payload, signature) then
        return nil
    end

    local claims = decode(payload)
    if not claims or type(claims.exp) ~= "number"
        or type(claims.client_id) ~= "string" or claims.iss ~= conf.issuer then
        return nil
    end

    local aud = claims.aud
    for _, a in ipairs(type(aud) == "table" and aud or { aud }) do
        if a == conf.audience then
            return claims
        end
    end
    return nil
end


local function claims_of(token)
    local claims = cache and cache:get(token)
    if not claims then
        claims = verify(token)
        if claims and cache then
            cache:set(token, claims, claims.exp - ngx.now())
        end
    end
    if not claims or ngx.now() >= claims.exp
        or (claims.nbf and ngx.now() < claims.nbf) then
        return nil
    end
    return claims
end


local function is_name(s)
    return type(s) == "string" and #s > 0 and #s <= 255
        and not s:find("[%z\1-\31\127]")
end


-- kind and identity of a request that is well-formed, or nil
local function identity_of(request)
    local kind, identity
    if request.Version ~= "1.0.0" or type(request.SKmsUri) ~= "string"
        or not is_name(request.ServiceID)
        or type(request["Date/Time"]) ~= "number" then
        return nil
    end
    for member, name in pairs(KINDS) do
        if request[member] ~= nil then
            if kind or not is_name(request[member]) then
                return nil
            end
            kind, identity = name, request[member]
        end
    end
    return kind or "service", identity
end


local function has_scope(claims)
    for word in (claims.scope or ""):gmatch("%S+") do
        if word == conf.scope then
            return true
        end
    end
    return false
end


-- the value, false where there is none, or nil and an error
local function get(key)
    local sock = ngx.socket.tcp()
    sock:settimeouts(1000, 1000, 1000)
    local ok, err = sock:connect(conf.redis)
    if not ok then
        return nil, err
    end
    ok, err = sock:send("*2\r\n$3\r\nGET\r\n$" .. #key .. "\r\n" .. key .. "\r\n")
    local line = ok and sock:receive()
    if not line then
        return nil, err or "closed"
    end
    local size = tonumber(line:match("^%$(-?%d+)$"))
    if not size then
        return nil, line
    end
    local value = false
    if size >= 0 then
        value, err = sock:receive(size + 2)
        if not value then
            return nil, err
        end
        value = value:sub(1, size)
    end
    sock:setkeepalive(60000, 1024)
    return value
end


local function escaped(s)
    return (s:gsub("%%", "%%25"):gsub(":", "%%3A"))
end


function _M.answer()
    local response = {}
    local headers = ngx.req.get_headers()

    if ngx.req.get_method() ~= "POST" then
        return say(405, "04", response)
    end
    if headers["content-type"] ~= "application/json" then
        return say(415, "04", response)
    end

    ngx.req.read_body()

    local token = (headers.authorization or ""):match("^[Bb]earer +(%S+)$")
    local claims = token and claims_of(token)
    local ok, request = pcall(cjson.decode, ngx.req.get_body_data() or "")
    local kind, identity
    if ok and type(request) == "table" then
        kind, identity = identity_of(request)
    end

    if kind then
        response.ServiceID = request.ServiceID
    end
    if not claims then
        return say(401, "03", response)
    end

    response.UserUri = claims.sub or claims.client_id

    if not kind then
        return say(400, "04", response)
    end
    if not has_scope(claims) or request.SKmsUri ~= conf.uri
        or math.abs(request["Date/Time"] - ngx.time()) > conf.window
        or (identity and claims[CLAIMS[kind]] ~= identity) then
        return say(403, "04", response)
    end

    local key = "seal:km:" .. escaped(request.ServiceID) .. ":" .. kind
        .. (identity and ":" .. identity or "")
    local record = get(key)

    if record == nil then
        return say(500, "01", response)
    end
    if not record then
        return say(404, "02", response)
    end

    response.Payload = record
    return say(200, nil, response)
end


return _M
