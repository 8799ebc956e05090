/**
 * Completes package-lock.json with the platform packages that the registry in use does not hand out.
 *
 *     npm install --package-lock-only && node .ci/complete-lock.mjs
 *
 * `npm ci` refuses a lock file that lacks an optional package which another package names, even one for another
 * platform that it would never fetch; and `npm install` leaves out what a mirror does not have. What is added here
 * is version and platform, which is all that npm reads before it passes such a package over.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = process.argv[2] ?? 'package-lock.json'
const SYSTEMS = {
  darwin: 'darwin',
  mac: 'darwin',
  win32: 'win32',
  win: 'win32',
  linux: 'linux',
  android: 'android',
}
const PROCESSORS = { x64: 'x64', arm64: 'arm64' }
const LIBRARIES = { musl: 'musl' }

const lock = JSON.parse(readFileSync(FILE, 'utf8'))
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`${path}/node_modules/${name}`] || lock.packages[`node_modules/${name}`]) continue
    const [os, cpu, libc] = [SYSTEMS, PROCESSORS, LIBRARIES].map((words) => inName(name, words))
    if (!os || !cpu || !/^\d/.test(version)) {
      console.error(`${name} ${version} is missing, and its name does not say for which platform it is`)
      process.exitCode = 1
      continue
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(os === 'linux' && libc ? { libc: [libc] } : {}),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      os: [os],
    }
    console.log(`added ${name} ${version}`)
  }
}
const packages = Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1))
writeFileSync(FILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`)

function inName(name, words) {
  const parts = name.split(/[/-]/)
  return Object.entries(words).find(([word]) => parts.includes(word))?.[1]
}
