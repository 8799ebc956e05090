/**
 * The console's built files: where they lie, and building them when what they are made of has changed.
 *
 * `npm ci` runs no script and the repository holds no built file, so the first `npm start` builds the console; every
 * later one finds it by the hash of its sources. The server hands the files out as they are and knows no more.
 */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { compressFiles } from './compressed-files.ts'

export { consolePages } from '../src/app/pages.ts'

const PACKAGE = path.join(import.meta.dirname, '..')
const REPOSITORY = path.join(PACKAGE, '..', '..')
const DIST = path.join(PACKAGE, 'dist')

/** What the built files depend on: our sources, the contract's, and the versions of every library. */
const SOURCES = [
  path.join(PACKAGE, 'src'),
  path.join(PACKAGE, 'public'),
  path.join(PACKAGE, 'build'),
  path.join(PACKAGE, 'index.html'),
  path.join(PACKAGE, 'vite.config.ts'),
  path.join(PACKAGE, 'package.json'),
  path.join(REPOSITORY, 'packages', 'contract', 'src'),
  path.join(REPOSITORY, 'package-lock.json'),
]

/** A build takes two seconds; on a machine where it takes this long something else is wrong. */
const BUILD_DEADLINE_MS = 120_000
const MAX_COMPLAINT_CHARACTERS = 4_000

/**
 * The directory to serve. Builds it first if need be, and then calls `onBuild`: it takes a few seconds.
 *
 * Several processes may do this at once: each builds aside, and the first to finish puts its directory in place.
 *
 * @throws when it cannot be built, with what the bundler said.
 */
export async function consoleFiles(onBuild: () => void): Promise<string> {
  const directory = path.join(DIST, await hashOfSources())
  if (existsSync(directory)) return directory

  onBuild()
  await mkdir(DIST, { recursive: true })
  const draft = path.join(DIST, `.draft-${randomUUID()}`)
  try {
    await runVite(draft)
    await compressFiles(draft)
    await rename(draft, directory).catch((error: unknown) => {
      if (!existsSync(directory)) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  await removeOthers(path.basename(directory))
  return directory
}

async function hashOfSources(): Promise<string> {
  const files = (await Promise.all(SOURCES.map(filesBelow))).flat()
  const contents = await Promise.all(files.map((file) => readFile(file)))
  const hash = createHash('sha256')
  for (const [index, file] of files.entries()) {
    hash
      .update(`${path.relative(REPOSITORY, file)}\0${contents[index]!.byteLength}\0`)
      .update(contents[index]!)
  }
  return hash.digest('hex').slice(0, 16)
}

async function filesBelow(root: string): Promise<string[]> {
  if (path.extname(root) !== '') return [root]
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted()
}

/** In a process of its own, so that nothing of a bundler stays in the memory of a server. */
async function runVite(outDir: string): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve('vite/package.json')
  const vite = path.join(path.dirname(manifest), 'bin', 'vite.js')
  const child = spawn(process.execPath, [vite, 'build', '--outDir', outDir, '--logLevel', 'warn'], {
    cwd: PACKAGE,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: BUILD_DEADLINE_MS,
  })
  let said = ''
  const listen = (data: Buffer) => {
    said = (said + data).slice(-MAX_COMPLAINT_CHARACTERS)
  }
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`vite build ended with ${code}: ${said.trim()}`)
}

/** A running server holds its files in memory, so nobody misses what is removed here. */
async function removeOthers(name: string): Promise<void> {
  for (const other of await readdir(DIST)) {
    if (other !== name && !other.startsWith('.draft-')) {
      await rm(path.join(DIST, other), { recursive: true, force: true })
    }
  }
}
