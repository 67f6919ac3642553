// What the servers in Node share: a POST becomes an event of the same shape and size as ours, a GET is answered.
let seq = 0;

function event(body) {
  const { mode, text } = JSON.parse(body);
  seq += 1;
  return { t: "ev", s: seq, h: "9f3a01bc", p: seq - 1, m: [{ k: "screen_set", d: { screen: { mode, text } } }] };
}

exports.serve = function (server, tellAll) {
  server.on("request", (request, response) => {
    if (request.url.startsWith("/socket.io/")) return;   // socket.io answers these itself
    let body = "";
    request.on("data", (chunk) => { body += chunk; });
    request.on("end", () => {
      if (request.method === "POST") tellAll(event(body));
      response.setHeader("Content-Length", 2);
      response.end("{}");
    });
  });
  server.listen(Number(process.argv[2]), "127.0.0.1", 4096);
};
