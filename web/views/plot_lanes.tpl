<svg class="lanes" width="100%" height="{{plot.height + 20}}" aria-hidden="true">
% for tick in plot.ticks:
<line class="grid" x1="{{tick.x}}" x2="{{tick.x}}" y1="0" y2="{{plot.height + 3}}" stroke="currentColor" stroke-opacity="0.18"/>
<text class="tick" x="{{tick.x}}" y="{{plot.height + 16}}" text-anchor="{{tick.anchor}}" font-size="12" fill="currentColor">{{tick.label}}</text>
% end
% for one in plot.bars:
% text = texts[one.bar.id]
<a class="bar {{text.state}}" href="{{text.address}}" tabindex="-1"><title>{{text.title}}</title><rect x="{{one.x}}" y="{{one.y}}" width="{{one.width}}" height="{{one.height}}" rx="2" fill="currentColor" fill-opacity="0.25" stroke="currentColor"/>\\
% if one.mark:
<svg x="{{one.x}}" y="{{one.y + (one.height - 8) // 2}}" overflow="visible"><path d="{{one.mark}}" fill="currentColor"/></svg>\\
% end
% if one.has_label:
<svg x="{{one.x}}" y="{{one.y}}" width="{{one.width}}" height="{{one.height}}"><text class="label" x="{{12 if one.mark else 5}}" y="15" font-size="12" fill="currentColor">{{text.name}}</text></svg>\\
% end
</a>
% end
</svg>
