// Fetches https://HOST/ through the proxy in HTTPS_PROXY, which Node 20 does not read by itself.
const http = require('http'), https = require('https'), tls = require('tls');
const host = process.argv[2], proxy = new URL(process.env.HTTPS_PROXY);
http.request({ host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: host + ':443' })
  .on('connect', (_, socket) => {
    const name = tls.connect({ socket, host, servername: require('net').isIP(host) ? '' : host });
    name.on('error', fail);
    https.get({ host, path: '/', createConnection: () => name }, (res) => res.pipe(process.stdout)).on('error', fail);
  })
  .on('error', fail)
  .end();
function fail(err) { console.error(err.code, err.message); process.exit(1); }
