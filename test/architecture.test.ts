/**
 * The floor plan, as a test.
 *
 * To allow a new import, change the table in a commit of its own that says why. The plan itself, in words, is in
 * `docs/decisions/`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const SERVICES = [
  'control',
  'reconcile',
  'autoscale',
  'gateway',
  'governance',
  'billing',
  'insight',
  'certificates',
  'api',
] as const
const BELOW_SERVICES = ['domain', 'platform', 'engines', 'runtime', 'artifacts', 'store', 'link'] as const

/** Each room of the server and the rooms it may import from. A room may always import from itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  platform: ['domain'],
  engines: ['domain', 'platform'],
  runtime: ['domain', 'platform'],
  artifacts: ['domain', 'platform'],
  store: ['domain', 'platform'],
  link: ['domain', 'platform'],
  // Neighbours do not import neighbours: a service declares the few functions it needs, a main file passes them in.
  ...Object.fromEntries(SERVICES.map((service) => [service, BELOW_SERVICES])),
  // The api knows its services by `api/services.ts` alone, and never what they stand on.
  api: ['domain', 'platform'],
}

/** From outside, a room of adapters is entered by its door only. */
const DOORS: Readonly<Record<string, string>> = {
  engines: 'engines/engine.ts',
  runtime: 'runtime/driver.ts',
  artifacts: 'artifacts/model-store.ts',
  store: 'store/store.ts',
  link: 'link/messages.ts',
}

/** Programs of their own, started as engines are: they share nothing with the server's rooms, its clock included. */
const ENGINE_PROGRAMS = ['engines/echo/echo-main.ts']

/** The rooms of the console's page. */
const CONSOLE_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  text: [],
  design: ['text'],
  charts: ['text', 'design'],
  api: ['text', 'design', 'session'],
  session: ['text', 'design', 'api'],
  app: ['text', 'design', 'api', 'session'],
  catalog: [],
  engine: ['text', 'design'],
  form: ['text', 'design', 'engine'],
  pages: ['text', 'design', 'charts', 'catalog', 'engine', 'form', 'api', 'session', 'app'],
}

const PACKAGES = path.resolve(import.meta.dirname, '../packages')
const SRC = path.join(PACKAGES, 'server/src')

const isExcluded = (file: string) => /\.test\.tsx?$|(^|\/)conformance[\w-]*\.ts$|^testing\//.test(file)
const sources = listSources(SRC).filter((file) => !isExcluded(file))
/** Files beside the rooms build them and introduce them to each other: they alone walk in anywhere. */
const inRooms = sources.filter((file) => file.includes('/'))

test('the house is there', () => {
  expect(inRooms.length).toBeGreaterThan(20)
  for (const door of Object.values(DOORS)) expect(existsSync(path.join(SRC, door)), door).toBe(true)
})

describe('the server', () => {
  test.for(inRooms)('%s imports only what its room may', (file) => {
    const room = roomOf(file)
    expect(Object.keys(MAY_IMPORT), `"${room}" is not on the floor plan`).toContain(room)

    for (const imported of ownFilesImportedBy(file)) {
      expect(imported, `${file}: what main files hold is passed in, never imported`).toContain('/')
      if (roomOf(imported) === room) continue
      expect(MAY_IMPORT[room], `${file} imports ${imported}`).toContain(roomOf(imported))
      expect(imported, `${file}: enter "${roomOf(imported)}" by its door`).toBe(
        DOORS[roomOf(imported)] ?? imported,
      )
    }
  })

  test('the domain does no I/O: it imports itself and the contract', () => {
    const foreign = sources
      .filter((file) => roomOf(file) === 'domain')
      .flatMap((file) => importsOf(SRC, file).filter((target) => !target.startsWith('.')))
      .filter((target) => target !== '@berth/contract' && target !== 'node:crypto')
    expect(foreign).toEqual([])
  })

  test('only platform/ reads the time', () => {
    const clocks =
      /\bDate\.now\b|\bset(?:Timeout|Interval)\b|\bnew Date\(\)|\bperformance\.now\b|\bAbortSignal\.timeout\b|node:timers/
    const readers = inRooms.filter(
      (file) =>
        roomOf(file) !== 'platform' && !ENGINE_PROGRAMS.includes(file) && clocks.test(codeOf(SRC, file)),
    )
    expect(readers).toEqual([])
  })

  test('no test is imported by what it tests', () => {
    const mixed = sources.filter((file) => ownFilesImportedBy(file).some((imported) => isExcluded(imported)))
    expect(mixed).toEqual([])
  })
})

describe('the packages', () => {
  const foreignTo = (folder: string) => {
    const root = path.join(PACKAGES, folder)
    return listSources(root)
      .filter((file) => !isExcluded(file))
      .flatMap((file) => importsOf(root, file).map((target) => ({ file, target })))
      .filter(({ target }) => !target.startsWith('.'))
  }

  test('the contract is a language without I/O: it imports zod alone', () => {
    const others = foreignTo('contract/src').filter(({ target }) => target !== 'zod')
    expect(others).toEqual([])
  })

  test('the command line speaks HTTP, except where it is the server', () => {
    // Starting and stopping the server, and looking at the machine it would run on.
    const isServer = (file: string) => /(?:^|\/)(?:serve|down|doctor|examine-machine)\.ts$/.test(file)
    // A replay is computed where it is asked for, so that it costs the server nothing.
    const isReplay = (file: string, target: string) =>
      file.endsWith('commands/what-if.ts') && target === '@berth/simulator/what-if'
    const walkingIn = foreignTo('cli/src').filter(
      ({ file, target }) =>
        target.startsWith('@berth/') &&
        target !== '@berth/contract' &&
        !isServer(file) &&
        !isReplay(file, target),
    )
    expect(walkingIn).toEqual([])
  })

  test('the console is only a client', () => {
    const walkingIn = foreignTo('console').filter(({ target }) => /^@berth\/(?!contract)/.test(target))
    expect(walkingIn).toEqual([])
    const ofNode = foreignTo('console/src').filter(({ target }) => target.startsWith('node:'))
    expect(ofNode).toEqual([])
  })

  test('the page carries no schema: the contract is types, and its client without them', () => {
    const root = path.join(PACKAGES, 'console/src')
    const values = /^import (?!type\b)(?!.*\{(?:\s*type \w+,?)+\s*\}).*from '(?:zod|@berth\/contract)'/m
    const carrying = listSources(root).filter(
      (file) => !isExcluded(file) && !file.endsWith('.data.ts') && values.test(codeOf(root, file)),
    )
    expect(carrying).toEqual([])
  })

  test.for(listSources(path.join(PACKAGES, 'console/src')).filter((file) => file.includes('/')))(
    'console: %s imports only what its room may',
    (file) => {
      const root = path.join(PACKAGES, 'console/src')
      const room = consoleRoomOf(file)
      expect(Object.keys(CONSOLE_MAY_IMPORT), `"${room}" is not on the floor plan`).toContain(roomOf(room))
      for (const target of importsOf(root, file).filter((one) => one.startsWith('.'))) {
        const imported = consoleRoomOf(path.posix.join(path.posix.dirname(file), target))
        // The router alone knows every page; no page knows another.
        if (imported === room || file === 'app/router.tsx') continue
        expect(CONSOLE_MAY_IMPORT[roomOf(room)], `${file} imports ${target}`).toContain(imported)
      }
    },
  )

  test('the embedded engine knows nothing of the platform that starts it', () => {
    const walkingIn = foreignTo('llama/src').filter(({ target }) => target.startsWith('@berth/'))
    expect(walkingIn).toEqual([])
  })

  test.for(['contract', 'llama', 'server', 'cli', 'console'])(
    '%s leaves its folder by package names only',
    (name) => {
      const root = path.join(PACKAGES, name)
      const leaving = listSources(root)
        .filter((file) => !isExcluded(file))
        .flatMap((file) => importsOf(root, file).map((target) => ({ file, target })))
        .filter(
          ({ file, target }) =>
            target.startsWith('.') && path.join(path.dirname(file), target).startsWith('..'),
        )
      expect(leaving).toEqual([])
    },
  )
})

function listSources(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll(path.sep, '/'))
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !/(^|\/)(node_modules|dist)\//.test(file))
    .toSorted()
}

/** Without comments, so that a sentence about time reads no clock. */
function codeOf(root: string, file: string): string {
  return readFileSync(path.join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/g, '')
}

function importsOf(root: string, file: string): string[] {
  const imports = codeOf(root, file).matchAll(/\b(?:from|import)\s*\(?\s*['"]([^'"\n]+)['"]/g)
  return [...imports].map((match) => match[1]!)
}

function ownFilesImportedBy(file: string): string[] {
  return importsOf(SRC, file)
    .filter((target) => target.startsWith('.'))
    .map((target) => path.posix.join(path.posix.dirname(file), target))
}

/** Every page is a room of its own. */
function consoleRoomOf(file: string): string {
  return file.split('/', file.startsWith('pages/') ? 2 : 1).join('/')
}

function roomOf(file: string): string {
  return file.split('/')[0]!
}
