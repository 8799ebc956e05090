/** From the adapters that a user names to what they are: pinned, with the files that the engine reads, and their content. */
import type { Adapter, AdapterWish } from '../domain/adapter.ts'
import { PlatformError } from '../domain/errors.ts'
import type { Engine } from '../engines/engine.ts'
import type { ControlRooms } from './rooms.ts'

/** @throws PlatformError `invalid` that names the adapter, and for an engine that serves none. */
export async function resolveAdapters(
  { models }: Pick<ControlRooms, 'models'>,
  engine: Engine,
  wishes: Readonly<Record<string, AdapterWish>>,
  token: string | undefined,
): Promise<readonly Adapter[]> {
  const names = Object.keys(wishes).toSorted()
  const support = engine.adapters
  if (names.length === 0) return []
  if (!support) throw servesNone(engine)
  return Promise.all(
    names.map(async (name) => {
      const { repository, revision = null } = wishes[name]!
      try {
        const everything = await models.resolve({ repository, revision, ...(token ? { token } : {}) })
        const needed = support.files({ repository, files: everything.files })
        const artifact = {
          ...everything,
          files: everything.files.filter(({ path }) => needed.includes(path)),
        }
        return { name, artifact, ...(await models.identify(artifact, token ? { token } : {})) }
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error
        throw new PlatformError(error.code, `The adapter "${name}" cannot be served. ${error.message}`, {
          field: `model.adapters.${name}`,
          ...(error.reason === undefined ? {} : { reason: error.reason }),
          cause: error,
        })
      }
    }),
  )
}

const servesNone = ({ name }: Engine) =>
  new PlatformError(
    'invalid',
    `The engine ${name} serves no adapters here: leave model.adapters out, or choose vLLM, SGLang or TGI, or install llama-server for GGUF models. A model that an adapter was merged into is served by every engine.`,
    { field: 'model.adapters', reason: 'no_adapters' },
  )
