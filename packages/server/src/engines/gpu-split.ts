/**
 * How one replica is spread over its GPUs: tensor parallel groups, and copies of them side by side.
 *
 * The product must be the number of GPUs: more cannot start, fewer would leave reserved GPUs idle.
 */
import type { Image } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'

export type GpuSplit = { readonly tensor: number; readonly data: number }

/**
 * Fills in what was left open: tensor parallel over all GPUs, once.
 *
 * @throws PlatformError `invalid` that says which sizes would do. With `isSplitFurther` (the user's arguments split
 *   in other ways too) a product below the number of GPUs is the user's business.
 */
export function splitGpus(
  variant: keyof Image,
  asked: {
    readonly tensorParallelSize?: number | undefined
    readonly dataParallelSize?: number | undefined
  },
  { gpus, isSplitFurther }: { readonly gpus: number; readonly isSplitFurther: boolean },
): GpuSplit {
  const data = asked.dataParallelSize ?? 1
  // Without a GPU the engine's CPU build still takes the sizes.
  const available = Math.max(1, gpus)
  const tensor = asked.tensorParallelSize ?? Math.max(1, Math.floor(available / data))
  const product = tensor * data
  if (product === available || (isSplitFurther && product < available)) return { tensor, data }

  const field = asked.tensorParallelSize === undefined ? 'dataParallelSize' : 'tensorParallelSize'
  throw new PlatformError(
    'invalid',
    `tensorParallelSize ${tensor} × dataParallelSize ${data} is ${product}, and the instance has ${gpus === 0 ? 'no GPU' : gpus === 1 ? '1 GPU' : `${gpus} GPUs`}: ` +
      `leave both out (Berth then takes ${available} × 1), make their product ${available}, or choose an instance with ${product} GPU${product === 1 ? '' : 's'}.`,
    { field: `model.image.${variant}.${field}`, reason: 'parallel_size' },
  )
}

/** Whether the arguments contain one of these flags, as `--flag value` or `--flag=value`. */
export function hasFlag(args: readonly string[], flags: readonly string[]): boolean {
  return args.some((arg) => flags.includes(arg.split('=', 1)[0]!.replaceAll('_', '-')))
}
