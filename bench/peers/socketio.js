// Node's socket.io, as it comes: what the contest's first version used. Started as: node socketio.js PORT
const { createServer } = require("http");
const { Server } = require("socket.io");
const { serve } = require("./posts.js");

const server = createServer();
const displays = new Server(server);
serve(server, (event) => displays.emit("ev", event));
