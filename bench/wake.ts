/**
 * How long a sleeping endpoint takes to answer, beside the same engine started by hand in the same run.
 *
 * By hand: spawn the engine's own command and ask its health route every 5 ms. The engine's readiness during a wake
 * is seen by a third party as well, which asks the new replica's health route every millisecond.
 */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { newHome, removeHome, startBerth } from './berth.ts'
import { atMost, median, plain, report } from './report.ts'
import {
  ENGINE_ARGS,
  freePort,
  isHealthy,
  now,
  soon,
  type Wake,
  type WatchedWake,
  wakeOnce,
  watchedWake,
} from './wake-once.ts'

const RUNS = 12

const home = newHome()
const berth = await startBerth(home)
try {
  const byHand: number[] = []
  const wakes: Wake[] = []
  const watched: WatchedWake[] = []
  await wakeOnce(berth)
  for (let run = 0; run < RUNS; run++) {
    byHand.push(await startByHand(home))
    wakes.push(await wakeOnce(berth))
    watched.push(await watchedWake(berth))
  }
  const hand = median(byHand)
  const whole = median(wakes.map((wake) => wake.forwardedMs))
  report('Wake of a sleeping endpoint (the guide, embedded engine)', [
    atMost('request arrives → engine spawned', median(watched.map((wake) => wake.spawnedMs)), 'ms', 50),
    atMost(
      'engine ready → request forwarded',
      median(watched.map((wake) => wake.forwardedMs - wake.readyMs)),
      'ms',
      10,
    ),
    plain('engine by hand: spawn → ready, asked every 5 ms', hand, 'ms'),
    plain('wake: request → forwarded to the ready engine', whole, 'ms'),
    atMost('wake ÷ by hand', whole / hand, '×', 1.15),
    plain('wake: request → whole answer', median(wakes.map((wake) => wake.answeredMs)), 'ms'),
  ])
} finally {
  await berth.stop()
  removeHome(home)
}

async function startByHand(home: string): Promise<number> {
  const port = await freePort()
  const begun = now()
  const args = [...ENGINE_ARGS, '--host', '127.0.0.1', '--port', String(port)]
  const env = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: path.join(home, 'cache', 'compiled') }
  const child = spawn(process.execPath, args, { stdio: 'ignore', env })
  await soon(() => isHealthy(port), 5)
  const tookMs = now() - begun
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  return tookMs
}
