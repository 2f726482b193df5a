# Conditional requests, HEAD and encodings are the client's own affair: octopool answers
# them itself, after it has asked GitHub whether anything changed.
auth="Authorization: token $CI"
url=https://api.github.com/repos/acme/web
etag() { grep -i '^etag:' | tr -d '\r' | sed 's/^[^ ]* //'; }
curl --suppress-connect-headers -s -D header -o plain -H "$auth" $url
tag=$(etag <header)
github forget
code -H "$auth" -H "If-None-Match: $tag" $url
code -H "$auth" -H "If-None-Match: W/$tag" $url
code -H "$auth" -H "If-None-Match: \"other\", $tag" $url
code -H "$auth" -H 'If-None-Match: "other"' $url
code -H "Authorization: Bearer $OPS" -H "If-None-Match: $tag" $url
github cost
github touch acme/web
code -H "$auth" -H "If-None-Match: $tag" $url
github cost

# HEAD tells what GET would.
curl --suppress-connect-headers -s -D get -o body -H "$auth" $url
curl --suppress-connect-headers -s -I -H "$auth" $url >head
told='^(HTTP|content-length|content-type|etag)'
grep -iE "$told" get >get.told
grep -iE "$told" head >head.told
cmp get.told head.told && wc -l <head.told

# gzip for who reads it, plain for who does not: the same text.
curl --suppress-connect-headers -s --compressed -D header -o body.gz -H "$auth" $url
cmp body body.gz && grep -i '^content-encoding' header | tr -d '\r'
curl --suppress-connect-headers -s -D header -o body.plain -H "$auth" -H 'Accept-Encoding: identity' $url
cmp body body.plain && ! grep -i '^content-encoding' header

# Ranges are GitHub's.
curl -s -H "$auth" -r 0-1 -o part -w '%{http_code}\n' https://raw.githubusercontent.com/acme/web/main/README.md
wc -c <part

# What is told of the budget is the pool's, and nothing of the credential is told.
curl --suppress-connect-headers -s -I -H "$auth" $url | tr -d '\r' | grep -iE '^(x-ratelimit-(limit|resource)|x-oauth|x-accepted|github-auth|cache-status)'
