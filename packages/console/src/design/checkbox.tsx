/** A box to tick: the browser's own, which costs nothing in a list of thousands. */
export function Checkbox({
  checked,
  indeterminate = false,
  onChange,
  label,
}: {
  readonly checked: boolean
  readonly indeterminate?: boolean
  readonly onChange: (checked: boolean) => void
  readonly label: string
}) {
  return (
    <input
      type="checkbox"
      aria-label={label}
      checked={checked}
      ref={(element) => {
        if (element) element.indeterminate = indeterminate
      }}
      onChange={(event) => onChange(event.currentTarget.checked)}
      className="size-4 accent-primary"
    />
  )
}
