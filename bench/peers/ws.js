// Node's ws: one text for all, a send per client. Started as: node ws.js PORT
const { createServer } = require("http");
const { WebSocketServer } = require("ws");
const { serve } = require("./posts.js");

const server = createServer();
const displays = new WebSocketServer({ server });
serve(server, (event) => {
  const text = JSON.stringify(event);
  for (const display of displays.clients) display.send(text);
});
