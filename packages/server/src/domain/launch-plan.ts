/**
 * A launch plan: how an engine is started, in words that every runtime understands.
 *
 * An engine writes it, a runtime carries it out. Since only the runtime knows where a replica will listen and
 * where its files will lie, the command holds placeholders for these; the runtime fills them in.
 */
export const PLACEHOLDER = {
  host: '{host}',
  port: '{port}',
  /** The directory with the artifact's files, read-only. */
  model: '{model}',
  /** The directory with an adapter's files, read-only. */
  adapter: (id: string) => `{adapter:${id}}`,
} as const

export type LaunchPlan = {
  /** Program and arguments, with placeholders. */
  readonly command: readonly string[]
  /** The container image, for runtimes that need one. */
  readonly image: string | undefined
  readonly env: Readonly<Record<string, string>>
  /** Where the engine listens inside a container. Processes get a free port instead. */
  readonly containerPort: number
  readonly shmBytes: number
  /** In a container it has to write outside `/tmp`; without it the root is read-only. */
  readonly writableRoot?: boolean
}

export function fillPlaceholders(
  text: string,
  values: {
    readonly host: string
    readonly port: number
    readonly model?: string
    readonly adapters?: Readonly<Record<string, string>>
  },
): string {
  const filled = Object.entries(values.adapters ?? {}).reduce(
    (so, [id, path]) => so.replaceAll(PLACEHOLDER.adapter(id), path),
    text,
  )
  return filled
    .replaceAll(PLACEHOLDER.host, values.host)
    .replaceAll(PLACEHOLDER.port, String(values.port))
    .replaceAll(PLACEHOLDER.model, values.model ?? PLACEHOLDER.model)
}
