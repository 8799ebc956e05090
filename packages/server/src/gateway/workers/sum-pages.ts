/** Pages for Prometheus of several workers, as one page of the whole gateway: every sample is a sum. Pure. */

type Family = { readonly head: string[]; readonly type: string; readonly samples: Map<string, number> }

/** The order is that of the first page. */
export function sumPages(pages: readonly string[]): string {
  return written([...summed(pages).values()])
}

/**
 * What remains of a worker that is gone: what it counted, and nothing that was true of a moment.
 * @param isKept whether the endpoint still exists and may be seen.
 */
export function legacyOf(page: string, isKept: (endpoint: string) => boolean): string {
  const counted = [...summed([page]).values()].filter(({ type }) => type !== 'gauge')
  for (const { samples } of counted) {
    for (const name of samples.keys()) {
      const endpoint = /[{,]endpoint="([^"]*)"/.exec(name)?.[1]
      if (endpoint !== undefined && !isKept(endpoint)) samples.delete(name)
    }
  }
  return written(counted)
}

function summed(pages: readonly string[]): ReadonlyMap<string, Family> {
  const families = new Map<string, Family>()
  for (const page of pages) {
    let family: Family | undefined
    for (const line of page.split('\n')) {
      const head = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
      if (head?.[1] === 'HELP') {
        family = families.get(head[2]!) ?? { head: [line], type: '', samples: new Map() }
        families.set(head[2]!, family)
      } else if (head) {
        const [, , name = '', type = ''] = head
        if (family && family.type === '') {
          family = { ...family, head: [...family.head, line], type }
          families.set(name, family)
        }
      } else if (line !== '' && family) {
        const end = line.lastIndexOf(' ')
        const sample = line.slice(0, end)
        family.samples.set(sample, (family.samples.get(sample) ?? 0) + Number(line.slice(end + 1)))
      }
    }
  }
  return families
}

const written = (families: readonly Family[]) =>
  families
    .flatMap(({ head, samples }) => [...head, ...[...samples].map(([sample, value]) => `${sample} ${value}`)])
    .map((line) => `${line}\n`)
    .join('')
