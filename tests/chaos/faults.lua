-- faults: what happens to a build at one request or another. A fault is
--   name      string
--   lab       table|nil     the lab's fault that hits the request (tests/lab/README.md); nil: it comes at any time, at no request
--   signal    string|nil    sent to the build when the request has come
--   status    {status = true}   how the build may end, besides 0; 9: killed
--   to_child  boolean|nil       the signal is for the process that builds one of several images
-- A build that is not killed cleans up by itself; after one that is, gc does.
return {
  { name = "SIGINT", lab = { fault = "slow", delay = 1 }, signal = "INT", status = { [130] = true } },
  { name = "SIGTERM", lab = { fault = "hang" }, signal = "TERM", status = { [130] = true } },
  { name = "SIGKILL", lab = { fault = "hang" }, signal = "KILL", status = { [9] = true } }, -- what was asked for never happens
  { name = "SIGKILL, done", lab = { fault = "slow", delay = 1 }, signal = "KILL", status = { [9] = true } }, -- it happens when nobody is there
  { name = "SIGKILL, one", lab = { fault = "slow", delay = 1 }, signal = "KILL", to_child = true, status = { [1] = true } },
  { name = "INT, any time", signal = "INT", status = { [130] = true, [2] = true } }, -- or killed by it before it is caught
  { name = "TERM, any time", signal = "TERM", status = { [130] = true, [15] = true } },
  { name = "503", lab = { fault = "503" }, status = { [0] = true, [1] = true } },
  { name = "cut", lab = { fault = "cut" }, status = { [0] = true, [1] = true } },
  { name = "lost", lab = { fault = "lost" }, status = { [0] = true, [1] = true } },
  { name = "expire", lab = { fault = "expire" }, status = { [0] = true, [1] = true } },
  { name = "away", lab = { fault = "away", delay = 3 }, status = { [0] = true, [1] = true } },
}
