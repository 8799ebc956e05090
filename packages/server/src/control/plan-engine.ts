/** Which engine, file and settings a model would be served with on one kind of hardware. */
import type { Image, RecommendedQuery } from '@berth/contract'
import type { RepositoryCard, WeighedModel } from '../artifacts/model-store.ts'
import type { Artifact } from '../domain/artifact.ts'
import { PlatformError } from '../domain/errors.ts'
import type { ModelShape } from '../domain/fit/model-shape.ts'
import { taskFromGguf } from '../domain/infer-task.ts'
import type { Engine, Room } from '../engines/engine.ts'
import { roomFor, shapeOf } from './model-fit.ts'
import type { ChosenEngine, ControlRooms } from './rooms.ts'

export type EnginePlan = {
  readonly engine: Engine
  readonly refusals: ChosenEngine['refusals']
  /** Whether this installation can run it. */
  readonly isHere: boolean
  readonly reason: string
  readonly image: Image
  readonly args: readonly string[]
  readonly shape: ModelShape | undefined
  readonly weighed: WeighedModel | undefined
  readonly room: (Required<Room> & { readonly contextTokens: number }) | undefined
  readonly task: string | undefined
}

type Question = {
  readonly query: RecommendedQuery
  readonly artifact: Artifact
  readonly card: RepositoryCard
  readonly task: string | undefined
  readonly hasGpu: boolean
  /** Of the hardware, where there are several. */
  readonly runtime: string | undefined
}

/** @returns the refusal where no engine at all could serve it. */
export async function planEngine(
  rooms: ControlRooms,
  question: Question,
): Promise<EnginePlan | PlatformError> {
  const { query, artifact, card } = question
  const asked = askedImage(query)
  const facts = { repository: query.repository, files: artifact.files }
  try {
    const chosen = chooseHereOrAnywhere(rooms, asked, facts, question)
    const { files, image } = chosen.engine.resolve(facts, asked)
    const needed = { ...artifact, files: artifact.files.filter(({ path }) => files.includes(path)) }
    const weighed = await rooms.models.weigh(needed, rooms.hubToken ? { token: rooms.hubToken } : {})
    const task = weighed?.gguf ? taskFromGguf(weighed.gguf) : question.task
    const quantisation = rooms
      .contents(facts)
      .ggufs.find((gguf) => gguf.files[0] === image.llamacpp?.modelPath)?.quantisation
    const shape = shapeOf(card, weighed, quantisation)
    const { sizing } = chosen.engine
    const forTask = withMode(image, task)
    const room = sizing && roomFor(sizing, shape, { image: forTask, args: [] }, wishOf(query))
    const settled = sizing && room ? sizing.settle(forTask, room) : { image: forTask, args: [] }
    return { ...chosen, ...settled, shape, weighed, room, task }
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'invalid') return error
    throw error
  }
}

function chooseHereOrAnywhere(
  rooms: ControlRooms,
  image: Image,
  facts: Parameters<ControlRooms['chooseEngine']>[1],
  { task, hasGpu, runtime }: Question,
): ChosenEngine & { readonly isHere: boolean; readonly reason: string } {
  const wish = { gpus: hasGpu ? 1 : 0, runtime, ...(task ? { task } : {}) }
  try {
    const chosen = rooms.chooseEngine(image, facts, wish)
    return { ...chosen, isHere: true, reason: reasonFor(chosen.engine, task, hasGpu) }
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    const chosen = rooms.chooseAnyEngine(image, facts, wish)
    const reason = `It needs the Docker runtime, which this installation does not have: start Berth with --runtime docker. (${error.message})`
    return { ...chosen, isHere: false, reason }
  }
}

function reasonFor({ name }: Engine, task: string | undefined, hasGpu: boolean): string {
  const model = task ? `a model for ${task}` : 'this model'
  return `${name} serves ${model} ${hasGpu ? 'on GPUs' : 'on processors'}.`
}

function askedImage({ engine, file }: RecommendedQuery): Image {
  const variant = engine ?? (file === undefined ? 'huggingface' : 'llamacpp')
  if (file === undefined) return { [variant]: {} } as Image
  return { [variant]: /\.gguf$/i.test(file) ? { modelPath: file } : { variant: file } } as Image
}

/** What a GGUF model is started for, since the file tells. */
function withMode(image: Image, task: string | undefined): Image {
  if (!image.llamacpp || image.llamacpp.mode) return image
  const mode = task === 'feature-extraction' ? 'embeddings' : task === 'text-ranking' ? 'reranking' : null
  return { llamacpp: { ...image.llamacpp, mode } }
}

function wishOf({ context, concurrency }: RecommendedQuery): Partial<Room> {
  return {
    ...(context === undefined ? {} : { contextTokens: context }),
    ...(concurrency === undefined ? {} : { concurrency }),
  }
}
