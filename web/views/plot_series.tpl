<svg class="series" width="100%" height="{{height + 20}}" aria-hidden="true">
% for tick in series.ticks:
<line class="grid" x1="{{tick.x}}" x2="{{tick.x}}" y1="0" y2="{{height + 3}}" stroke="currentColor" stroke-opacity="0.18"/>
<text class="tick" x="{{tick.x}}" y="{{height + 16}}" text-anchor="{{tick.anchor}}" font-size="12" fill="currentColor">{{tick.label}}</text>
% end
<line class="grid" x1="0" x2="100%" y1="{{height}}" y2="{{height}}" stroke="currentColor" stroke-opacity="0.35"/>
<svg width="100%" height="{{height}}" viewBox="0 0 1000 100" preserveAspectRatio="none">
% for points in series.areas:
<polygon class="area" points="{{points}}" fill="currentColor" fill-opacity="0.15"/>
% end
% for points in series.lines:
<polyline class="line" points="{{points}}" fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke"/>
% end
</svg>
% for level in series.levels:
% y = height * level.y / 100
<line class="level" x1="0" x2="100%" y1="{{f'{y:.1f}'}}" y2="{{f'{y:.1f}'}}" stroke="currentColor" stroke-dasharray="5 4"/>
<text class="tick level" x="100%" y="{{f'{y - 4 if y > 16 else y + 13:.1f}'}}" text-anchor="end" font-size="12" fill="currentColor">{{level.label}}</text>
% end
<text class="tick top" x="0" y="11" font-size="12" fill="currentColor">{{f'{series.top:g}'}}{{unit}}</text>
</svg>
