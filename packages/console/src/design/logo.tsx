/** Berth's mark: a vessel in its berth. */
export function Logo({ className }: { readonly className?: string }) {
  return (
    <svg viewBox="0 0 32 32" className={className} role="img" aria-label="Berth">
      <path
        d="M5 9.5V20a7.5 7.5 0 0 0 7.5 7.5h7A7.5 7.5 0 0 0 27 20V9.5"
        className="fill-none stroke-ink"
        strokeWidth="3"
        strokeLinecap="round"
      />
      <rect x="11" y="4" width="10" height="17.5" rx="5" className="fill-accent" />
    </svg>
  )
}
