# A tunnel is for one host: a request in it that names another gets 421, and GitHub does
# not see it.
auth="Authorization: token $CI"
curl -s -w ' %{http_code}\n' -H "$auth" -H 'Host: evil.example' https://api.github.com/user
code -H "$auth" -H 'Host: uploads.github.com' https://api.github.com/user
code --http1.1 -H "$auth" -H 'Host: evil.example' https://api.github.com/user
code --http1.1 -H "$auth" -H 'Host: api.github.com:444' https://api.github.com/user
code --http1.1 -H "$auth" -H 'Host: API.GitHub.com:443' https://api.github.com/repos/acme/web
# What a CONNECT names is what the TLS inside has to be for.
code -H "$auth" --connect-to github.com:443:api.github.com:443 https://github.com/acme/web || echo "curl says $?"
code -k -H "$auth" --connect-to evil.example:443:api.github.com:443 https://evil.example/user || echo "curl says $?"
github saw

# A CONNECT leads to public addresses only, to port 443, and says why it does not.
connect() {
	curl -s -o /dev/null -w '%{http_connect}' "$@" || true
	printf ' %s\n' "$1"
}
for host in 127.0.0.1 127.1.2.3 10.0.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 '[::1]' '[fd00::1]' '[::ffff:127.0.0.1]' localhost; do
	connect "https://$host/" --noproxy ''
done
connect https://api.github.com:8443/
connect https://example.com:22/
for target in 127.0.0.1:443 example.com:22 api.github.com:8443; do
	curl -s -X CONNECT --request-target $target --noproxy '*' "$PROXY"
	echo
done

# In clear no token may travel.
curl -s -o /dev/null -w '%{http_code}\n' --proxy "$PROXY" -H "$auth" http://api.github.com/user
github saw
