/** Which file of a repository that offers several: its quantisation, with its size. */
import type { Recommendation } from '@berth/contract'
import { Field } from '../../design/field.tsx'
import { Select } from '../../design/select.tsx'
import { bytes } from '../../text/quantities.ts'
import type { EndpointForm } from './endpoint-form.ts'

export function FileChoice({
  judged,
  form,
  onChange,
}: {
  readonly judged: Recommendation | undefined
  readonly form: EndpointForm
  readonly onChange: (changes: Partial<EndpointForm>) => void
}) {
  const files = judged?.files ?? []
  if (form.variant !== 'llamacpp' || files.length < 2) return null
  const chosen = form.settings['modelPath'] || files.find((one) => one.chosen)?.file || files[0]!.file
  return (
    <Field label="Model file" help="A smaller quantisation needs less memory and answers a little worse.">
      <Select
        className="w-full sm:w-96"
        value={chosen}
        choices={files.map(({ file, quantisation, sizeBytes }) => ({
          value: file,
          label: quantisation ?? file,
          hint: `${bytes(sizeBytes)} · ${file}`,
        }))}
        onValue={(modelPath) => {
          const { variant: _, ...settings } = form.settings
          onChange({ settings: { ...settings, modelPath } })
        }}
      />
    </Field>
  )
}
