# A client's token is read in every form that tools send it in.
url=https://api.github.com/repos/acme/api
code -H "Authorization: token $CI" $url
code -H "Authorization: Bearer $CI" $url
code -H "authorization: bearer $CI" $url
code -u "anyone:$CI" $url
code -u "$CI:" $url
code -u "$CI:x-oauth-basic" $url
code --http1.1 -H "Authorization: token $CI" $url
github forget

# One that nobody knows is refused here, in GitHub's words; GitHub locks users out for
# bad tokens, so it never sees them.
for form in "token $STRANGER" "Bearer $STRANGER" "Basic $(printf 'x:%s' "$STRANGER" | base64 -w0)" 'Basic !' 'Digest x'; do
	curl -s -w ' %{http_code}\n' -H "Authorization: $form" $url
done
code -H 'Authorization;' $url
code -H "Authorization: token $CI" -H "Authorization: token $CI" $url
curl -s -w ' %{http_code}\n' "$url?access_token=$CI"
curl --suppress-connect-headers -s -o /dev/null -D - -H "Authorization: token $STRANGER" $url | grep -iE '^(HTTP|www-auth|content-type)' | tr -d '\r'
github saw

# Without a token a request passes through, with nobody's credential and budget.
code https://api.github.com/repos/acme/web
code $url
github saw
